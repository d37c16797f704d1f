"""Dice's coefficient by hand, against scikit-learn's F1, and what it refuses."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from tolerances import FLOAT64

from nnarch.metrics.dice import dice


def test_by_hand():
    truth = np.array([[0, 0, 1, 1], [1, 2, 2, 2]])
    found = np.array([[0, 1, 1, 1], [0, 2, 2, 1]])
    # 0: 1 common of 2 and 2; 1: 2 of 4 and 3; 2: 2 of 2 and 3
    np.testing.assert_allclose(dice(found, truth, 3), [2 / 4, 4 / 7, 4 / 5], **FLOAT64)


def test_a_class_in_neither_is_right_and_in_one_alone_wrong():
    truth, found = np.array([0, 0, 1]), np.array([0, 0, 2])
    np.testing.assert_array_equal(dice(found, truth, 4), [1, 0, 0, 1])


def test_it_is_the_f1_score_of_each_class():
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 4, (2, 5, 6, 7))
    expected = f1_score(truth.ravel(), found.ravel(), average=None)
    np.testing.assert_allclose(dice(found, truth, 4), expected, **FLOAT64)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros(3, int), "one shape"),
        (np.zeros(4), "argmax first"),
        (np.full(4, 3), "from 0 to 2; got 3 to 3"),
        (np.full(4, -1), "from 0 to 2; got -1"),
    ],
)
def test_what_is_no_labelling_is_refused(found, message):
    with pytest.raises(ValueError, match=message):
        dice(found, np.zeros(4, int), 3)
