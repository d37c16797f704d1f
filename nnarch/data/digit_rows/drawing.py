"""Draws digits side by side into one picture, as near to one another as is asked."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import affine_transform, maximum_filter1d

from nnarch.data.digit_rows.style import Strokes

HEIGHT = 32  # pixels, of every row
INK = 64  # of 255: what is at least as bright counts as ink
TILE = 64  # columns in which one digit is drawn
LEAST_ADVANCE = 3  # columns by which either end of a digit lies behind its neighbour's


class Drawn(NamedTuple):
    """A row of digits."""

    picture: np.ndarray  # uint8 [HEIGHT, W], white on black
    places: np.ndarray  # int32 [N, 2]: the first column of each digit's ink, and past its last


def draw_row(
    digits: np.ndarray, strokes: Strokes, *, margins: tuple[int, int], least_width: int
) -> Drawn:
    """Draws digits from left to right.

    Args:
      digits: uint8 [N, S, S], white on black.
      strokes: how each is written.
      margins: empty columns before the first and behind the last.
      least_width: columns of the picture; it is continued to the right where it has fewer.
    """
    tiles = [draw_digit(digit, strokes, number) for number, digit in enumerate(digits)]
    starts = _side_by_side(tiles, strokes.gaps) + margins[0]
    ends = starts + [tile.shape[1] for tile in tiles]
    picture = np.zeros((HEIGHT, max(ends.max() + margins[1], least_width)), np.uint8)
    for tile, start, end in zip(tiles, starts, ends, strict=True):
        np.maximum(picture[:, start:end], tile, out=picture[:, start:end])
    return Drawn(picture, np.stack([starts, ends], axis=1).astype(np.int32))


def draw_digit(digit: np.ndarray, strokes: Strokes, number: int) -> np.ndarray:
    """Digit `number` of a row, uint8 [S, S] -> [HEIGHT, columns of its ink].

    It is moved no further from the middle than leaves all of its ink in the picture.
    """
    height, width, slant = (
        values[number] for values in (strokes.heights, strokes.widths, strokes.slants)
    )
    own_middle = (np.array(digit.shape) - 1) / 2
    middle = np.array([_row_of(digit, height, strokes.drops[number]), (TILE - 1) / 2])
    to_digit = np.array([[1 / height, 0], [slant / width, 1 / width]])
    tile = affine_transform(
        digit.astype(np.float32),
        to_digit,
        offset=own_middle - to_digit @ middle,
        output_shape=(HEIGHT, TILE),
        order=1,
    )
    inked = np.flatnonzero(tile.max(axis=0) >= INK)
    first, last = (inked[0], inked[-1]) if len(inked) else (0, 0)
    return np.round(tile[:, first : last + 1]).astype(np.uint8)


def _row_of(digit: np.ndarray, height: float, drop: float) -> float:
    """Where the middle of a digit's picture comes to lie."""
    inked = np.flatnonzero(digit.max(axis=1) >= INK)
    middle = (HEIGHT - 1) / 2
    if not len(inked):
        return middle + drop
    above, below = height * (inked[[0, -1]] - (len(digit) - 1) / 2)
    return float(np.clip(middle + drop, -above, HEIGHT - 1 - below))


def _side_by_side(tiles: list[np.ndarray], gaps: np.ndarray) -> np.ndarray:
    """int [N]: the column at which each tile begins, the first at 0."""
    starts = [0]
    for before, tile, gap in zip(tiles, tiles[1:], gaps[1:], strict=False):
        touching = int(np.max(_right_ends(before) - _left_ends(tile))) + 1
        advance = max(
            touching + gap, LEAST_ADVANCE, before.shape[1] - tile.shape[1] + LEAST_ADVANCE
        )
        starts.append(starts[-1] + advance)
    return np.array(starts)


def _right_ends(tile: np.ndarray) -> np.ndarray:
    """[HEIGHT]: the last column of ink within a row of each; far to the left where is none."""
    columns = np.arange(tile.shape[1])
    ends = np.where(tile >= INK, columns, -TILE).max(axis=1)
    return maximum_filter1d(ends, 3)


def _left_ends(tile: np.ndarray) -> np.ndarray:
    return -_right_ends(tile[:, ::-1]) + tile.shape[1] - 1
