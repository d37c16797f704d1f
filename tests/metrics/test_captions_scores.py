"""Captions that are right: to the letter, by an identical picture, in tone and gender."""

import math

import pytest

from nnarch.metrics.captions import caption_scores, genders, tones

OWN = ["woman judge dark skin tone", "artist", "owl", "man dancing medium skin tone"]
ACCEPTED = [{OWN[0]}, {"artist", "man artist"}, {"owl"}, {OWN[3]}]


def test_shares():
    scores = caption_scores(
        ["woman judge light skin tone", "man artist", "owl", "woman dancing medium skin tone"],
        OWN,
        ACCEPTED,
    )
    assert scores.strict_match == 1 / 4
    assert scores.exact_match == 2 / 4
    assert scores.tone == 1 / 2  # of the judge and the dancer
    assert scores.gender == 1 / 2
    assert scores.tone_and_gender == 1 / 4  # a gender that is not asked for is wrong, too


def test_all_right():
    assert caption_scores(OWN, OWN, ACCEPTED) == (1.0,) * 5


def test_where_no_caption_tells_a_tone_there_is_no_share():
    scores = caption_scores(["owl"], ["owl"], [{"owl"}])
    assert math.isnan(scores.tone)
    assert math.isnan(scores.gender)
    assert scores.tone_and_gender == 1


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("handshake light skin tone medium-dark skin tone", ("light", "medium-dark")),
        ("man medium skin tone beard", ("medium",)),
        ("medium-light skin tone", ("medium-light",)),
        ("dark medium tone skin", ()),
        ("light bulb", ()),
        ("", ()),
    ],
)
def test_tones(caption, expected):
    assert tones(caption) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("woman and man holding hands", ("woman", "man")),
        ("men wrestling", ("man",)),
        ("mermaid", ("woman",)),
        ("girl", ("girl",)),
        ("person", ()),
        ("woman’s hat", ()),
    ],
)
def test_genders(caption, expected):
    assert genders(caption) == expected


@pytest.mark.parametrize("parts", [([], [], []), (["a"], [], [{"a"}]), (["a"], ["a"], [])])
def test_what_does_not_fit_is_refused(parts):
    with pytest.raises(ValueError, match="Pass one entry a picture"):
        caption_scores(*parts)
