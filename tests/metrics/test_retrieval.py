"""Recall at K and median rank against sorting by hand, ties included."""

import itertools

import numpy as np
import pytest
from tolerances import FLOAT64

from nnarch.metrics.retrieval import first_match, retrieval_scores, word_cosines


def test_the_best_of_several_matches_counts():
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]])
    matches = np.array([[False, True, False, True], [True, False, False, True]])
    np.testing.assert_array_equal(first_match(scores, matches), [2, 1])


def test_equals_stand_where_they_would_on_average():
    """Against all orders that sorting could have brought three equals into."""
    scores, matches = np.array([5.0, 3, 3, 3, 1]), np.array([0, 1, 0, 1, 0], bool)
    ranks = [
        1 + next(i for i, place in enumerate(order) if matches[place])
        for order in itertools.permutations(range(5))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    found = first_match(scores[None], matches[None])
    np.testing.assert_allclose(found, np.mean(ranks), **FLOAT64)


def test_saying_the_same_of_all_is_no_better_than_chance():
    found = retrieval_scores(np.zeros((101, 101)), np.eye(101, dtype=bool))
    np.testing.assert_allclose(found, (1 / 101, 5 / 101, 10 / 101, 51), **FLOAT64)


def test_recall_among_equals_is_its_mean_over_their_orders():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (4, 7)).astype(float)
    matches = rng.random((4, 7)) < 0.3
    matches[:, 0] = True
    hits = np.zeros((4, 3))
    orders = [*itertools.permutations(range(7))]
    for order in orders:
        shuffled = np.argsort(-scores[:, order], axis=1, kind="stable")
        ranked = np.take_along_axis(matches[:, order], shuffled, axis=1)
        hits += [[row[:most].any() for most in (1, 5, 10)] for row in ranked]
    found = retrieval_scores(scores, matches)
    np.testing.assert_allclose(found[:3], hits.mean(axis=0) / len(orders), **FLOAT64)


def test_shares_and_the_median():
    """Query q finds its match at rank q + 1."""
    scores = -np.tile(np.arange(12.0), (12, 1))
    assert retrieval_scores(scores, np.eye(12, dtype=bool)) == (1 / 12, 5 / 12, 10 / 12, 6.5)


def test_what_is_out_of_the_question_is_never_found():
    scores = np.array([[-np.inf, 0.1, 0.0]])
    assert first_match(scores, np.array([[False, True, False]])) == [1]


@pytest.mark.parametrize(
    ("scores", "matches", "words"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2), bool), "Pass a line for each query"),
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "Pass a line for each query"),
        (np.zeros((2, 3)), np.eye(2, 3, k=2, dtype=bool), "1 have none"),
        (np.full((1, 1), np.nan), np.ones((1, 1), bool), "NaN"),
    ],
)
def test_what_cannot_be_scored_is_refused(scores, matches, words):
    with pytest.raises(ValueError, match=words):
        first_match(scores, matches)


def test_words_count_by_how_rare_they_are():
    names = ["red heart", "red car", "red dog", "blue heart"]
    found = word_cosines(["red heart", "a red boat", "nothing", ""], names)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(found[0, 0], 1, **FLOAT64)
    assert found[0, 3] > found[0, 1]  # "heart" is the rarer word
    assert np.all(found[1, :3] > 0)
    assert np.all(found[2:] == 0)
