"""The texts that character models read, cut into training, validation and test by whole documents.

  python   the source of Python's own standard library, as it is installed: a document is a file
  bible    the King James Bible, from the archive that the verses come from: a document is a book

Both are of printable ASCII, tabs and line ends alone.
"""

import hashlib
import itertools
import platform
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from nnarch.data.fetch import DataMissing
from nnarch.data.verses import texts as verses

SPLITS = ("train", "validation", "test")


class Document(NamedTuple):
    """What is read from its first character to its last."""

    name: str
    text: str


def python_version() -> str:
    """Whose library is read: it differs from version to version."""
    return f"python-{platform.python_version()}"


# Tests are much alike; encodings and pydoc_data are tables and texts that programs wrote.
_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
_LEFT_OUT |= {"encodings", "pydoc_data"}
_OF_A_MACHINE = "_sysconfigdata"
_PERCENT = {"test": 5, "validation": 3}


def read_python(folder: Path | None = None) -> dict[str, list[Document]]:
    """The files of each split; a file's split follows from its path alone.

    What is not ASCII is written as Python escapes it, and form feeds are left out.

    Args:
      folder: of the library; that of the Python that runs, if left out.

    Raises:
      DataMissing: there is no source in it.
    """
    folder = folder or Path(sysconfig.get_paths()["stdlib"])
    splits: dict[str, list[Document]] = {split: [] for split in SPLITS}
    for path in _sources(folder):
        name = path.relative_to(folder).as_posix()
        text = path.read_bytes().decode("utf-8", "backslashreplace")
        splits[_split_of(name)].append(Document(name, _printable(text)))
    if not splits["train"]:
        raise DataMissing(
            f"expected the source of Python's standard library in {folder}; found none. "
            "Use a Python that is installed with it, or read another text: --data.name bible."
        )
    return splits


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if not _LEFT_OUT.intersection(parts) and not path.name.startswith(_OF_A_MACHINE):
            yield path


def _split_of(name: str) -> str:
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 100
    bounds = zip(_PERCENT, itertools.accumulate(_PERCENT.values()), strict=True)
    return next((split for split, bound in bounds if place < bound), "train")


def _printable(text: str) -> str:
    text = text.replace("\r\n", "\n").encode("ascii", "backslashreplace").decode("ascii")
    return "".join(filter(_kept, text))


def _kept(character: str) -> bool:
    return character.isprintable() or character in "\t\n"


# Judges, Hosea, Micah, John, Galatians and Hebrews; Joshua, Amos, 2 Corinthians and 1 Peter. Not
# held out is what other books tell over again, as those of Kings, Chronicles and Matthew do.
_BOOKS = {"test": (7, 28, 33, 43, 48, 58), "validation": (6, 30, 47, 60)}


def read_bible() -> dict[str, list[Document]]:
    """The books of each split: a verse a line, a blank line between chapters.

    Raises:
      DataMissing: the archive is not there and cannot be fetched.
    """
    splits: dict[str, list[Document]] = {split: [] for split in SPLITS}
    for book, text in _books(verses.read("k")).items():
        split = next((split for split, held in _BOOKS.items() if book in held), "train")
        splits[split].append(Document(f"book-{book:02}", _printable(text)))
    return splits


def _books(found: Mapping[verses.Verse, str]) -> dict[int, str]:
    by_book = itertools.groupby(sorted(found), key=lambda verse: verse[0])
    return {book: "\n".join(_chapters(found, of_book)) for book, of_book in by_book}


def _chapters(found: Mapping[verses.Verse, str], of_book: Iterable[verses.Verse]) -> Iterator[str]:
    for _, of_chapter in itertools.groupby(of_book, key=lambda verse: verse[1]):
        yield "".join(f"{found[verse]}\n" for verse in of_chapter if found[verse])
