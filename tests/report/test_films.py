"""Clips frame by frame, and clips that play."""

import io

import numpy as np
import pytest
from PIL import Image

from nnarch import report as page
from nnarch.report.films import draw
from nnarch.report.palette import LIGHT
from nnarch.report.pictures import png_of_clip


def film(score, wrong=3):
    frames = np.zeros((5, 8, 8), np.uint8)
    at = np.arange(5) == wrong
    return page.Film(frames, ["", "3 stops"] * 2 + [""], ["", "3 leaves"] * 2 + [""], at, at, score)


def test_the_best_and_the_worst_are_shown_with_a_file_each():
    section = page.films_section("Clips", [film(0.2), film(0.9)], each=1, note="Look.")
    assert set(section.files) == {f"clips-{kind}-0.png" for kind in ("good", "typical", "worst")}
    assert "Look." in section.body
    assert section.body.count("<picture>") == 3
    assert "no clips" in page.films_section("Clips", []).body


def test_a_wrong_frame_says_what_was_told():
    (axes,) = draw(film(1.0, wrong=3), LIGHT).axes
    said = [text.get_text() for text in axes.texts]
    assert said == ["·", "3 stops", "·", "3 stops", "✗ 3 leaves", "·"]
    assert len(axes.images) == 5
    assert len(axes.collections) == 1  # the bar over the frame that is marked


def test_texts_for_other_frames_are_refused():
    with pytest.raises(ValueError, match="each of 5 frames"):
        draw(film(1.0)._replace(told=["", ""]), LIGHT)


@pytest.mark.parametrize("shape", [(3, 6, 7), (3, 6, 7, 1), (3, 6, 7, 3)])
def test_a_clip_plays_its_frames_for_ever(shape):
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png_of_clip(frames, frames_per_second=10))) as opened:
        assert (opened.format, opened.n_frames, opened.info["loop"]) == ("PNG", 3, 0)
        for place in range(3):
            opened.seek(place)
            shown = np.asarray(opened.convert("RGB"))
            expected = np.broadcast_to(frames[place].reshape(6, 7, -1), shown.shape)
            np.testing.assert_array_equal(shown, expected)
            assert opened.info["duration"] == (600 if place == 2 else 100)


def test_what_is_no_clip_is_refused():
    for shape in ((6, 7), (0, 6, 7), (3, 6, 7, 2)):
        with pytest.raises(ValueError, match="Pass one clip"):
            png_of_clip(np.zeros(shape, np.uint8))


def test_a_card_plays_its_clip():
    clip = np.zeros((2, 6, 7, 1), np.uint8)
    clip[1] = 255
    example = page.Example("a", "b", 1.0, picture=clip[0, ..., 0], clip=clip)
    section = page.gallery_section("Told", [example], each=1)
    assert section.body.count("data:image/png") == 3
    assert set(section.files) == {f"told-{kind}.png" for kind in ("good", "typical", "worst")}
