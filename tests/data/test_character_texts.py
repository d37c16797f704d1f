"""The two texts: which files and verses they hold, in which split, and through the builder."""

import pytest

from nnarch.data import character_texts
from nnarch.data.character_texts import builder, sources
from nnarch.data.fetch import DataMissing

FILES = {
    "a.py": "x = 1\r\n\x0cy = '\u00e9'\n".encode(),
    "b.py": b"# \xff\n",
    "pkg/c.py": b"\tpass\n",
    "pkg/tests/test_c.py": b"left out",
    "test/d.py": b"left out",
    "encodings/e.py": b"left out",
    "site-packages/f.py": b"left out",
    "_sysconfigdata__linux.py": b"left out",
    "g.txt": b"left out",
} | {f"many{number}.py": b"pass\n" for number in range(200)}


@pytest.fixture
def library(tmp_path):
    """A folder that looks like a standard library."""
    for name, content in FILES.items():
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_bytes(content)
    return tmp_path / "lib"


def test_files_are_cut_by_their_path_and_written_in_ascii(library):
    splits = sources.read_python(library)
    texts = {each.name: each.text for documents in splits.values() for each in documents}
    assert len(texts) == 203
    assert texts["a.py"] == "x = 1\ny = '\\xe9'\n"
    assert texts["b.py"] == "# \\xff\n"
    assert texts["pkg/c.py"] == "\tpass\n"
    counts = {split: len(documents) for split, documents in splits.items()}
    assert 3 <= counts["test"] <= 20
    assert 1 <= counts["validation"] <= 15
    (library / "many7.py").unlink()
    assert {*sources.read_python(library)["test"]} >= {
        each for each in splits["test"] if each.name != "many7.py"
    }


def test_a_library_without_source_is_missing(tmp_path):
    with pytest.raises(DataMissing, match=r"--data\.name bible"):
        sources.read_python(tmp_path)


def verses(translation):
    assert translation == "k"
    found = {(book, 1, 1): f"Verse of {book}." for book in range(1, 67)}
    return found | {(1, 1, 2): "And more.", (1, 1, 3): "", (1, 2, 1): "A new chapter."}


def test_books_are_whole_and_chapters_apart(monkeypatch):
    monkeypatch.setattr(sources.verses, "read", verses)
    splits = sources.read_bible()
    assert {name: len(books) for name, books in splits.items()} == {
        "train": 56,
        "validation": 4,
        "test": 6,
    }
    assert splits["train"][0] == ("book-01", "Verse of 1.\nAnd more.\n\nA new chapter.\n")
    assert [each.name for each in splits["test"]][:2] == ["book-07", "book-28"]


@pytest.mark.parametrize("name", ["python", "bible"])
def test_what_is_prepared_is_what_was_read(name, library, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.verses, "read", verses)
    found = sources.read_bible() if name == "bible" else sources.read_python(library)
    monkeypatch.setattr(builder, f"read_{name}", lambda: found)
    text = character_texts.load(name=name, folder=tmp_path / "data")
    assert text.splits == {split: tuple(sorted(each)) for split, each in found.items()}
    assert text.name == (sources.python_version() if name == "python" else "bible")
    monkeypatch.setattr(builder, f"read_{name}", None)  # it is not read again
    assert character_texts.load(name=name, folder=tmp_path / "data").splits == text.splits
