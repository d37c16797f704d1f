"""Pictures lit word by word: what is lit where, and that every word has its panel."""

import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.report import Looked, overlays, overlays_section
from nnarch.report.palette import LIGHT

WHITE = np.full((8, 8, 3), 255, np.uint8)


def corner():
    """All of it at one of four places."""
    return np.array([[0.0, 1.0], [0.0, 0.0]])


def test_a_picture_is_bright_where_it_was_looked_at_and_dim_elsewhere():
    lit = overlays.lit(WHITE, corner(), 1.0)
    assert lit.shape == (8, 8, 3)
    np.testing.assert_allclose(lit[:2, 6:], 1, **FLOAT32)
    np.testing.assert_allclose(lit[6:], overlays.UNLIT, **FLOAT32)
    middle = (1 + overlays.UNLIT) / 2
    np.testing.assert_allclose(overlays.lit(WHITE, corner(), 2.0).max(), middle, **FLOAT32)


def test_a_grey_picture_that_was_looked_at_nowhere_is_dim():
    lit = overlays.lit(np.ones((4, 4)), np.zeros((2, 2)), 0.0)
    assert lit.shape == (4, 4, 3)
    np.testing.assert_allclose(lit, overlays.UNLIT, **FLOAT32)


def test_every_word_has_a_panel_with_its_largest_share():
    words = [f"word{n}" for n in range(9)]
    figure = overlays.draw([Looked(WHITE, words, np.stack([corner() / 4] * 9))], LIGHT)
    assert len(figure.axes) == 16  # two lines of eight; below the picture there is none
    assert [place for place, axes in enumerate(figure.axes) if not axes.images] == [
        8,
        *range(11, 16),
    ]
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["", *words]
    assert {axes.texts[0].get_text() for axes in shown[1:]} == {"25 %"}
    assert shown[1].images[0].get_array().max() == 1  # beside the largest of the caption


def test_a_section_tells_what_is_right_and_has_a_file_for_each_picture():
    looked = [
        Looked(WHITE, ["red", "square"], np.stack([corner()] * 2), "red square", "Of an artist."),
        Looked(WHITE, ["red"], corner()[None], "blue square"),
        Looked(WHITE, [], np.zeros((0, 2, 2))),
    ]
    section = overlays_section("Where", looked, note="Look.")
    assert list(section.files) == ["where-1.png", "where-2.png", "where-3.png"]
    assert [section.body.count(mark) for mark in "✓✗"] == [1, 1]
    assert "Of an artist." in section.body
    assert "blue square" in section.body
    assert overlays_section("Where", []).files == {}


def test_words_without_maps_are_refused():
    with pytest.raises(ValueError, match="a map for each of 2 words; got 1"):
        overlays_section("Where", [Looked(WHITE, ["a", "b"], corner()[None])])
