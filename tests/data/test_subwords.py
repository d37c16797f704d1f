"""Subwords, learned from a few sentences."""

import numpy as np
import pytest

from nnarch.data import subwords
from nnarch.data.subwords import SubwordOptions, Subwords, subwords_of
from nnarch.data.vocabulary import END, PAD, START, UNKNOWN

TEXTS = [
    f"the {animal} {does} {often} in the {place}"
    for animal in ("owl", "small dog", "old horse", "whale")
    for does in ("sleeps", "sings", "is hunting")
    for often in ("again", "every night", "slowly")
    for place in ("garden", "deep sea", "forest")
]
OPTIONS = SubwordOptions(size=60, symbols=("<0>", "<1>"))


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def model(request):
    return Subwords.of(TEXTS, SubwordOptions(size=60, kind=request.param, symbols=("<0>", "<1>")))


def test_texts_come_back(model):
    assert 35 < len(model) <= 60  # the unigram model finds no more that are worth it
    for text in TEXTS:
        tokens = model.encode(text)
        assert tokens.dtype == np.int32
        assert tokens[-1] == END
        assert len(tokens) < len(text)
        assert model.decode(tokens) == text
        assert "".join(model.pieces(tokens)).replace("▁", " ").strip() == text


def test_special_numbers_are_those_of_words(model):
    inner = model.encode("the owl")[:-1].tolist()
    told = [START, *inner, END, PAD, PAD, 17]
    assert model.decode(told) == model.decode(np.array([*inner, PAD, 17])) == "the owl"
    assert model.encode("").tolist() == [END]
    assert model.decode([]) == ""
    assert not {PAD, START, END, UNKNOWN} & set(inner)


def test_what_was_never_seen_is_unknown_and_does_no_harm(model):
    tokens = model.encode("the 猫 sings")
    assert UNKNOWN in tokens
    assert model.decode(tokens).startswith("the ")
    assert model.decode(tokens).endswith(" sings")
    assert UNKNOWN not in model.encode("the owl sings")


def test_symbols_are_kept_whole(model):
    pieces = model.pieces(model.encode("the <0>owl<1> <0>"))
    assert pieces.count("<0>") == 2
    assert pieces.count("<1>") == 1
    assert model.decode(model.encode("the <1> sings")) == "the <1> sings"
    assert model.encode("<0>")[-2] == UNKNOWN + 1


def test_the_same_texts_give_the_same_bytes_and_others_do_not():
    first, again = (Subwords.of(TEXTS, OPTIONS) for _ in range(2))
    assert first == again
    assert first.model == again.model
    assert Subwords.of(TEXTS[:80], OPTIONS) != first


def test_it_is_learned_once_for_the_same_texts_and_options(tmp_path, monkeypatch):
    first = subwords_of(TEXTS, OPTIONS, folder=tmp_path)
    train = subwords._train
    monkeypatch.setattr(subwords, "_train", None)
    assert subwords_of(TEXTS, OPTIONS, folder=tmp_path) == first
    other = SubwordOptions(size=50, kind="bpe")
    for texts, options in ((TEXTS[:80], OPTIONS), (TEXTS, other)):
        with pytest.raises(TypeError):
            subwords_of(texts, options, folder=tmp_path)
    monkeypatch.setattr(subwords, "_train", train)
    assert len(subwords_of(TEXTS, other, folder=tmp_path)) == 50


def test_it_is_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model")
    assert Subwords.load(tmp_path / "model") == model


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Make one with"):
        Subwords.load(tmp_path / "absent")
    (tmp_path / "spoilt").write_bytes(b"text")
    with pytest.raises(ValueError, match="Make one with"):
        Subwords.load(tmp_path / "spoilt")


def test_a_model_with_other_special_numbers_is_refused(monkeypatch):
    monkeypatch.setattr(subwords, "PAD", 3)
    monkeypatch.setattr(subwords, "UNKNOWN", 0)
    with pytest.raises(ValueError, match=r"got the special pieces \['<unknown>', '<start>'"):
        Subwords.of(TEXTS, OPTIONS)


def test_too_little_to_learn_from_is_told():
    with pytest.raises(ValueError, match="change the size"):
        Subwords.of(TEXTS, SubwordOptions(size=10))
    with pytest.raises(ValueError, match="Pass more texts"):
        Subwords.of([], OPTIONS)
