"""Figures of ratings, and what stands beside them."""

import numpy as np
import pytest

from nnarch.metrics.bag_of_words import RatedTexts, fit_bag_of_words
from nnarch.metrics.ratings import rating_figures
from nnarch.metrics.vader import compound, fit_vader


def test_figures_of_a_few_ratings():
    figures = rating_figures(np.array([1.0, -2, 0.3, 0]), np.array([2.0, -1, -0.4, 3]))
    assert figures.sign == pytest.approx(
        100 * 2 / 3
    )  # the third is neutral, the last takes no side
    assert figures.error == pytest.approx((1 + 1 + 0.7 + 3) / 4)
    assert figures.correlation == pytest.approx(
        100 * np.corrcoef([1, -2, 0.3, 0], [2, -1, -0.4, 3])[0, 1]
    )


def test_what_never_varies_is_correlated_with_nothing():
    assert rating_figures(np.ones(2), np.array([1.0, 2])).correlation == 0


@pytest.mark.parametrize(
    ("told", "true"), [([], []), ([1.0], [1.0, 2.0]), ([0.1, 0.2], [0.1, -0.4])]
)
def test_ratings_that_cannot_be_compared_are_refused(told, true):
    with pytest.raises(ValueError, match="Rate each text once"):
        rating_figures(np.array(told), np.array(true))


GOOD, BAD, REST = ("fine", "nice"), ("poor", "sad"), ("tea", "bus", "day", "hat")


def texts(count, seed):
    rng = np.random.default_rng(seed)
    ratings = rng.choice([-2.0, -1.0, 1.0, 2.0], count)
    words = [
        [rng.choice(GOOD if rating > 0 else BAD)] * int(abs(rating)) + [*rng.choice(REST, 2)]
        for rating in ratings
    ]
    return RatedTexts([" ".join(each) for each in words], ratings)


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_a_bag_of_words_learns_words_and_chooses_on_validation_alone(kind):
    train, validation, test = texts(60, 0), texts(30, 1), texts(30, 2)
    # Texts of another kind that say the opposite: they have to be left out.
    other = RatedTexts(
        [*train.texts, *train.texts * 20], np.concatenate([train.ratings, *[-train.ratings] * 20])
    )
    own = np.arange(len(other.texts)) < len(train.texts)
    found = fit_bag_of_words(kind, other, own, validation, words=str.split)
    assert "others 0," in found.chosen
    assert rating_figures(found.tell(test.texts), test.ratings).sign == 100
    assert found.score > 90


def test_vader_is_mapped_to_ratings_by_a_line():
    said = ["I love it", "I hate it", "a table"]
    scores = compound(said)
    assert scores[0] > 0 > scores[1]
    assert scores[2] == 0
    rate = fit_vader(said, 3 * scores + 0.5)
    np.testing.assert_allclose(rate(["Great!"]), 3 * compound(["Great!"]) + 0.5)
