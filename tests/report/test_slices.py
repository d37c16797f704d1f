"""Slices of a segmented volume: what is drawn where, and that errors stand out."""

import numpy as np
from matplotlib.colors import to_rgb

from nnarch.report import Segmented, slices, slices_section


def volume():
    """A box of class 1 with a core of class 2, of which one voxel is missed."""
    truth = np.zeros((9, 10, 11), int)
    truth[2:7, 2:8, 3:9], truth[4:6, 4:6, 5:7] = 1, 2
    found = truth.copy()
    found[4, 4, 6] = 0
    return Segmented("A box", truth / 2, truth, found, "Made of cardboard.")


def test_errors_are_marked_where_they_are():
    middles = slices._middles(volume().truth)
    assert middles == [4, 4, 5]
    picture, truth, found, wrong = slices._images(volume(), 0, middles)
    assert picture.shape == (11, 10)  # up, and to the front
    assert tuple(wrong[6, 4]) == to_rgb(slices.WRONG)
    assert tuple(truth[6, 4]) == to_rgb(slices.COLOURS[1])
    assert tuple(found[6, 4]) == (0, 0, 0)
    assert (wrong == to_rgb(slices.WRONG)).all(axis=-1).sum() == 1


def test_a_section_has_a_picture_for_each_volume():
    section = slices_section("Slices", [volume()], ["outside", "core"], note="Look.")
    assert list(section.files) == ["slices-a-box.png"]
    assert "Made of cardboard." in section.body
    assert "Look." in section.body
    assert slices_section("Slices", [], ["outside"]).files == {}


def test_nothing_labelled_has_slices_too():
    nothing = np.zeros((4, 5, 6), int)
    assert slices._middles(nothing) == [2, 2, 3]
