"""Voxels told apart by brightness."""

import numpy as np
import pytest

from nnarch.metrics.gaussian_mixture import by_brightness


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 4, (12, 12, 12)).astype(np.uint8)


def test_classes_that_differ_in_brightness_are_found(labels):
    noise = np.random.default_rng(1).normal(0, 0.02, labels.shape)
    picture = np.array([0.0, 0.3, 0.6, 1.0])[labels] + noise
    np.testing.assert_array_equal(by_brightness(picture, classes=4), labels)


def test_within_an_outline_the_rest_is_told_apart(labels):
    # Around it is as bright as white matter: only the outline tells.
    picture = np.array([1.0, 0.3, 0.6, 1.0])[labels]
    picture = picture + np.random.default_rng(1).normal(0, 0.02, labels.shape)
    found = by_brightness(picture, classes=4, inside=labels > 0)
    np.testing.assert_array_equal(found, labels)
    assert (by_brightness(picture, classes=4) != labels).mean() > 0.1


def test_smoothing_helps_against_noise():
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[8:] = 1
    picture = labels + np.random.default_rng(0).normal(0, 0.5, labels.shape)
    errors = [
        (by_brightness(picture, classes=2, smoothing=sigma) != labels).mean() for sigma in (0, 1.5)
    ]
    assert errors[1] < errors[0] / 2
