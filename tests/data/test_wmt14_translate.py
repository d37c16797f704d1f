"""Reading WMT 2014 from the random pairs that tensorflow-datasets makes up in its place."""

import pytest
import tensorflow_datasets as tfds

from nnarch.data import translations, wmt14_translate

NAME = "wmt14_translate/fr-en"


@pytest.fixture
def made_up():
    with tfds.testing.mock_data(num_examples=7):
        yield


def test_each_split_has_its_pairs(made_up, tmp_path):
    splits = translations.load(NAME, folder=tmp_path)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 7,
        "validation": 7,
        "test": 7,
    }
    for split in splits.values():
        assert all(isinstance(text, str) and text for text in split.source + split.target)
        assert split.source != split.target


def test_the_lines_are_written_once(made_up, tmp_path, monkeypatch):
    first = translations.load(NAME, folder=tmp_path, splits=["test"])["test"]
    monkeypatch.setattr(wmt14_translate, "_write", None)
    again = translations.load(NAME, folder=tmp_path, splits=["test"])["test"]
    assert (again.source, again.target) == (first.source, first.target)


def test_texts_of_several_lines_stay_aligned_and_the_surplus_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(wmt14_translate, "MOST", 3)
    pairs = [(b"a\nb", b"c"), (b"\xe2\x80\xa8d", b"e\r\n"), (b"", b"f"), (b"g", b"h")]
    wmt14_translate._write([{"en": en, "fr": fr} for en, fr in pairs], tmp_path)
    split = wmt14_translate._sentences(tmp_path)
    assert split.source == ("a b", "\u2028d", "")
    assert split.target == ("c", "e  ", "f")


def test_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"got \['dev'\]\. Name those"):
        translations.load(NAME, folder=tmp_path, splits=["dev"])
    with pytest.raises(ValueError, match="for verses alone"):
        translations.load(NAME, english=["4"], folder=tmp_path)
