"""Rows of digits: what they are composed of, where their digits stand; pictures by other hands."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from nnarch.data import digit_rows
from nnarch.data.digit_rows import composing
from nnarch.data.digit_rows.drawing import HEIGHT, INK, draw_row
from nnarch.data.digit_rows.normalising import normalise
from nnarch.data.digit_rows.pieces import PIECE, pieces
from nnarch.data.digit_rows.rows import columns_needed
from nnarch.data.digit_rows.style import HARDER, SHIFTED, SLANTED, TRAINING, Range, Strokes
from nnarch.data.mnist import Digits
from nnarch.data.pipeline import Batches


def small_digits(count=200):
    """Digits of 8x8 as MNIST has them: of about 20 pixels in 28x28."""
    bunch = load_digits()
    wide = np.kron(bunch.images[:count], np.ones((2, 2)))
    pictures = np.pad(np.uint8(wide * 15.9), ((0, 0), (6, 6), (6, 6)))
    return Digits(pictures, bunch.target[:count].astype(np.int32))


def bars(count):
    """Upright bars of 4x20 pixels, which show where they are put."""
    pictures = np.zeros((count, 28, 28), np.uint8)
    pictures[:, 4:24, 12:16] = 255
    return Digits(pictures, np.arange(count, dtype=np.int32) % 10)


def plain_strokes(count, **changes):
    ones, zeros = np.ones(count), np.zeros(count)
    plain = Strokes(ones, ones, slants=zeros, drops=zeros, gaps=np.full(count, 2))
    return plain._replace(**changes)


def draw(count, **changes):
    return draw_row(
        bars(count).pictures, plain_strokes(count, **changes), margins=(3, 5), least_width=0
    )


def test_bars_stand_where_they_are_said_to_stand():
    picture, places = draw(3)
    np.testing.assert_array_equal(places, [[3, 7], [9, 13], [15, 19]])
    assert picture.shape == (HEIGHT, 19 + 5)
    np.testing.assert_array_equal(np.flatnonzero(picture.max(axis=0)), np.r_[3:7, 9:13, 15:19])
    np.testing.assert_array_equal(np.flatnonzero(picture.max(axis=1)), np.r_[6:26])


def test_a_gap_of_nothing_touches_and_one_below_overlaps():
    _, places = draw(2, gaps=np.array([0, 0]))
    assert places[1, 0] == places[0, 1]
    _, places = draw(2, gaps=np.array([0, -1]))
    assert places[1, 0] == places[0, 1] - 1


def test_slanted_neighbours_are_as_near_as_upright_ones():
    picture, places = draw(2, slants=np.full(2, 0.5))
    assert places[1, 0] < places[0, 1]  # one hangs over the other
    between = [np.flatnonzero(row >= INK) for row in picture if row.max() >= INK]
    assert min(np.max(np.diff(columns)) for columns in between) <= 4


@pytest.mark.parametrize("slant", [-0.5, 0.5])
def test_a_slant_leans_to_the_right_where_it_is_positive(slant):
    picture, _ = draw(1, slants=np.array([slant]))
    above, below = (np.flatnonzero(row).mean() for row in picture[[8, 23]])
    np.testing.assert_allclose(above - below, 15 * slant, atol=0.6)


def test_a_drop_moves_down_and_no_ink_is_lost():
    picture, _ = draw(1, drops=np.array([4.0]))
    np.testing.assert_array_equal(np.flatnonzero(picture.max(axis=1) >= INK), np.r_[10:30])
    picture, _ = draw(1, drops=np.array([-40.0]))
    np.testing.assert_array_equal(np.flatnonzero(picture.max(axis=1) >= INK), np.r_[0:20])


def test_a_row_is_its_digits_and_depends_on_the_seed_alone():
    digits = small_digits()
    rows = digit_rows.compose(digits, 60, TRAINING, seed=(3,))
    again = digit_rows.compose(digits, 60, TRAINING, seed=(3,))
    other = digit_rows.compose(digits, 60, TRAINING, seed=(4,))
    np.testing.assert_array_equal(rows.pictures.values, again.pictures.values)
    assert rows.texts == again.texts != other.texts
    assert {len(text) for text in rows.texts} == set(range(1, 9))
    for row, text in enumerate(rows.texts):
        np.testing.assert_array_equal(digit_rows.encode(text), rows.labels_of(row))
        assert rows.width(row) >= columns_needed(rows.labels_of(row))
        places = rows.places_of(row)
        assert places.shape == (len(text), 2)
        assert np.all(np.diff(places, axis=0) > 0)  # from left to right
        inked = rows.picture(row).max(axis=0) >= INK
        assert inked[places[:, 0]].all()
        assert inked[places[:, 1] - 1].all()


def test_strokes_depend_on_the_seed_too():
    style = replace(TRAINING, count=Range(4, 4))
    one, other = (digit_rows.compose(bars(1), 3, style, seed=(seed,)) for seed in (3, 4))
    assert one.texts == other.texts
    assert not np.array_equal(one.places, other.places)


def test_each_digit_is_taken_once_before_any_is_taken_again():
    style = replace(TRAINING, count=Range(4, 4))
    ordinals = np.arange(40, dtype=np.int32)
    rows = digit_rows.compose(Digits(bars(40).pictures, ordinals), 10, style, seed=(0,))
    np.testing.assert_array_equal(np.sort(rows.labels.values), ordinals + 1)


@pytest.mark.parametrize(
    ("style", "further"),
    [(HARDER, ("slants", "drops")), (SLANTED, ("slants",)), (SHIFTED, ("drops",))],
)
def test_every_digit_leans_or_stands_further_than_any_of_training(style, further):
    rng = np.random.default_rng(0)
    usual = [TRAINING.draw(rng, 8) for _ in range(500)]
    hard = [style.draw(rng, 8) for _ in range(500)]
    for name in ("slants", "drops"):
        largest = max(np.abs(getattr(each, name)).max() for each in usual)
        least = min(np.abs(getattr(each, name)).min() for each in hard)
        assert (largest <= least) == (name in further)


def test_splits_share_no_digit_and_are_composed_once(tmp_path, monkeypatch):
    asked = []

    def load(name, *, folder, splits):
        asked.extend(splits)
        return {split: small_digits() for split in splits}

    monkeypatch.setattr(composing.mnist, "load", load)
    few = {name: split._replace(rows=8) for name, split in composing.SPLITS.items()}
    monkeypatch.setattr(composing, "SPLITS", few)
    first = digit_rows.load(folder=tmp_path)
    assert asked == ["train", "validation", *["test"] * 4]
    second = digit_rows.load(folder=tmp_path, splits=["rows"])
    assert len(asked) == 6
    assert list(second) == ["rows"]
    np.testing.assert_array_equal(second["rows"].pictures.values, first["rows"].pictures.values)
    np.testing.assert_array_equal(second["rows"].places, first["rows"].places)
    assert first["rows"].texts != first["harder"].texts
    with pytest.raises(ValueError, match="expected splits among"):
        digit_rows.load(folder=tmp_path, splits=["test"])


def test_batches_hold_pictures_by_columns():
    rows = digit_rows.compose(small_digits(), 40, TRAINING, seed=(3,))
    batches = Batches(digit_rows.examples(rows), 4, buckets=2)
    batch = batches.batch(0)
    assert batch["columns"].shape[::2] == (4, HEIGHT)
    assert batch["columns"].dtype == np.uint8
    texts = [digit_rows.decode(labels) for labels in batch["labels"]]
    for text, columns, width in zip(texts, batch["columns"], batch["widths"], strict=True):
        row = rows.texts.index(text)
        np.testing.assert_array_equal(columns[:width].T, rows.picture(row))
        assert not columns[width:].any()


def test_some_rows_are_taken_in_the_order_asked_for():
    rows = digit_rows.compose(small_digits(), 6, TRAINING, seed=(3,))
    some = rows.take([4, 1])
    assert some.texts == (rows.texts[4], rows.texts[1])
    np.testing.assert_array_equal(some.picture(1), rows.picture(1))
    np.testing.assert_array_equal(some.places_of(0), rows.places_of(4))


@pytest.mark.parametrize("text", ["12a", "1 2", "²"])
def test_only_digits_can_be_labels(text):
    with pytest.raises(ValueError, match="expected digits"):
        digit_rows.encode(text)


def test_no_digits_are_no_labels():
    assert digit_rows.encode("").shape == (0,)
    assert digit_rows.decode([0, 0]) == ""


def test_pieces_stand_between_empty_columns():
    picture, _ = draw(3)
    found = pieces(picture)
    assert found.shape == (3, PIECE, PIECE)
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0].max() == 255
    assert pieces(np.zeros((HEIGHT, 9), np.uint8)).shape == (0, PIECE, PIECE)


def written(size=(300, 120), *, ground="white", ink="black", mode="RGB", at=(60, 30), thick=9):
    """Two strokes, 60 pixels high, in a picture of any kind."""
    image = Image.new(mode, size, ground)
    for column in (at[0], at[0] + 50):
        image.paste(ink, (column, at[1], column + thick, at[1] + 60))
    return image.convert("RGBA")


def strokes_of(picture):
    """Where its inked columns begin and end."""
    inked = np.concatenate([[0], picture.max(axis=0) >= 128, [0]]).astype(int)
    return np.flatnonzero(np.diff(inked))


@pytest.mark.parametrize(
    ("ground", "ink"),
    [
        ("white", "black"),
        ("black", "white"),
        ("gold", "navy"),
        ("#20a020", "#d03030"),
        ("white", "#ffffc0"),
    ],
)
def test_ink_is_what_differs_from_the_ground(ground, ink):
    picture = normalise(written(ground=ground, ink=ink))
    assert picture.shape[0] == HEIGHT
    np.testing.assert_array_equal(picture, normalise(written()))
    np.testing.assert_array_equal(np.flatnonzero(picture.max(axis=1)), np.r_[8:24])


@pytest.mark.parametrize("ink", [(0, 0, 0, 255), (250, 240, 240, 255)])
def test_what_is_transparent_is_the_ground(ink):
    picture = normalise(written(mode="RGBA", ground=(0, 0, 0, 0), ink=ink))
    np.testing.assert_array_equal(picture, normalise(written()))


def test_size_place_and_empty_space_change_nothing():
    picture = normalise(written())
    moved = normalise(written((900, 500), at=(700, 400)))
    np.testing.assert_array_equal(moved, picture)
    large = normalise(written().resize((1500, 600)))
    assert large.shape == picture.shape
    assert np.abs(strokes_of(large) - strokes_of(picture)).max() <= 1


def test_a_fine_pen_and_a_thick_one_write_strokes_of_some_width():
    fine, thick = (strokes_of(normalise(written(thick=width))) for width in (1, 12))
    assert np.diff(fine)[0] >= 2
    assert 2 <= np.diff(thick)[0] <= 4


def test_specks_are_no_ink():
    image = written()
    image.putpixel((5, 110), (0, 0, 0, 255))
    np.testing.assert_array_equal(normalise(image), normalise(written()))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGBA", (200, 50), "white"), "nothing to be seen"),
        (Image.new("RGBA", (200, 50), (0, 0, 0, 0)), "nothing to be seen"),
        (Image.new("RGBA", (1, 1), "black"), "nothing to be seen"),
        (Image.new("RGBA", (0, 0)), "no pixels"),
        (written((2000, 9), at=(-300, 4), thick=2500), "too long"),
    ],
)
def test_what_cannot_be_a_row_of_digits_is_told(image, message):
    with pytest.raises(ValueError, match=message):
        normalise(image)
