"""Words of informal text, and their pieces."""

import numpy as np
import pytest

from nnarch.data.word_pieces import MENTION, MOST, WordPieces, pieces_of, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm soooo happy!!!", ["I'm", "soooo", "happy", "!!!"]),
        ("@you look: http://a.b/c?d #win", ["@you", "look", ":", "http://a.b/c?d", "#win"]),
        (":) ;-P =D <3 :'( o.O", [":)", ";-P", "=D", "<3", ":'(", "o.O"]),
        ("good:Dear", ["good", ":", "Dear"]),  # no smiley within a word
        ("é漢字 😂😂", ["é漢字", "😂😂"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert [*words(text)] == expected


def test_pieces_are_the_word_and_its_runs():
    assert [*pieces_of("LOVE")] == [
        "^love$",
        "(loud)",
        *("^lo", "lov", "ove", "ve$"),
        *("^lov", "love", "ove$"),
        *("^love", "love$"),
    ]
    assert [*pieces_of("I")] == ["^i$"]
    assert [*pieces_of("@someone")] == [MENTION]
    assert [*pieces_of("soooooo")] == [*pieces_of("sooo")]
    assert [*pieces_of(":)")] == ["^:)$", "^:)", ":)$"]


def test_pieces_that_are_rare_or_unknown_are_none():
    pieces = WordPieces.of(["lovage loving", "of it"], at_least=2)
    assert set(pieces.vocabulary.words[4:]) == {"^lo", "lov", "^lov"}
    found = pieces.encode("Lovely cat")
    assert found.shape == (2, MOST)
    assert found.dtype == np.int32
    assert sorted(found[0])[-3:] == [4, 5, 6]
    assert (np.count_nonzero(found, axis=1) == [3, 0]).all()


def test_words_named_like_special_ones_are_words():
    pieces = WordPieces.of(["the end start pad"] * 2, at_least=1)
    assert pieces.encode("end").any()


def test_no_words_and_endless_ones():
    pieces = WordPieces.of(["a word"], at_least=1)
    assert pieces.encode("").shape == (0, MOST)
    assert pieces.encode("x" * 100_000 + "\x00\ud800").shape[1] == MOST
