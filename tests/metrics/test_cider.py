"""CIDEr-D: worked out by hand, as the reference code counts it, and its properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import FLOAT64

from nnarch.metrics.cider import cider_d

SENTENCE = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7).map(" ".join)

CANDIDATES = [
    "a man riding a wave on a surfboard",
    "two dogs play in the grass",
    "a red bus",
    "the the the the cat",
    "a plate of food with broccoli and rice",
]
REFERENCES = [
    ["a man rides a wave on his surfboard", "a surfer riding a large wave in the ocean"],
    ["two dogs play in the grass"],
    ["a red bus parked on the street", "a bus is red", "the bus stops near a man"],
    ["the cat sat on the mat"],
    ["a plate of rice and broccoli", "food on a white plate with rice", "a plate with food"],
]
# What pycocoevalcap 1.2, the evaluation's own code, gives for these (CiderScorer, n=4, sigma=6).
KNOWN = [2.21260976, 10.0, 2.16017732, 1.69452942, 2.24102864]


def test_what_the_evaluations_own_code_gives():
    scores = cider_d(CANDIDATES, REFERENCES)
    np.testing.assert_allclose(scores.each, KNOWN, rtol=1e-8)
    np.testing.assert_allclose(scores.mean, 3.661669026079923, **FLOAT64)


def test_worked_out_by_hand():
    """Two pictures; "red" is in both, so it tells nothing; every other n-gram weighs log 2.

    The first candidate has "big dog" for "red dog": of its words only "dog" counts in common, of
    norm sqrt(2) against the reference's 1, and no pair. 10 * (1 / sqrt(2)) / 4. The second is right
    in words and pairs, but has no longer n-grams: 10 * 2 / 4.
    """
    scores = cider_d(["big dog", "red cat"], [["red dog"], ["red cat"]])
    np.testing.assert_allclose(scores.each, [10 / math.sqrt(2) / 4, 5], **FLOAT64)


def test_repeating_a_word_gains_nothing_and_length_costs():
    """Words "cat" 4 times against once: min(4, 1) * 1 / (4 * 1), and 3 pairs more: a Gaussian."""
    scores = cider_d(["cat cat cat cat", "dog"], [["cat"], ["dog"]])
    np.testing.assert_allclose(scores.each[0], 10 / 4 / 4 * math.exp(-9 / 72), **FLOAT64)


@given(st.lists(SENTENCE, min_size=2, max_size=6, unique=True))
def test_what_is_right_has_ten_where_all_n_grams_tell(sentences):
    """A sentence has 10 * (lengths of n-gram of which one is not in all pictures) / 4."""
    telling = [sum(_tells(s, sentences, order) for order in range(1, 5)) for s in sentences]
    scores = cider_d(sentences, [[sentence] for sentence in sentences])
    np.testing.assert_allclose(scores.each, np.array(telling) * 2.5, **FLOAT64)


def _tells(sentence, sentences, order):
    def grams(s):
        words = s.split()
        return {tuple(words[i : i + order]) for i in range(len(words) - order + 1)}

    return any(not all(gram in grams(other) for other in sentences) for gram in grams(sentence))


@given(
    st.lists(
        st.tuples(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=3)), min_size=1, max_size=5
    )
)
def test_scores_are_between_0_and_10_whatever_the_order(pairs):
    candidates, references = zip(*pairs, strict=True)
    scores = cider_d(candidates, references)
    assert ((scores.each >= 0) & (scores.each <= 10 + 1e-9)).all()
    np.testing.assert_allclose(scores.mean, scores.each.mean(), **FLOAT64)
    backward = cider_d(candidates[::-1], references[::-1])
    np.testing.assert_allclose(backward.each[::-1], scores.each, **FLOAT64)


def test_case_is_ignored():
    upper = cider_d([c.upper() for c in CANDIDATES], REFERENCES)
    np.testing.assert_array_equal(upper.each, cider_d(CANDIDATES, REFERENCES).each)


def test_an_empty_candidate_has_nothing():
    assert cider_d(["", "dog"], [["cat"], ["dog"]]).each[0] == 0


@pytest.mark.parametrize(("candidates", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_what_does_not_fit_is_refused(candidates, references):
    with pytest.raises(ValueError, match="Give each its own"):
        cider_d(candidates, references)
