"""How the digits of a row are written: each range is uniform, and each number a digit's own.

What a row has in common (`row_...`) and what a digit adds to it are drawn apart: a hand has one
slant, from which its digits differ a little.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Range:
    """From one number to the other."""

    least: float
    most: float

    def draw(self, rng: np.random.Generator, *shape: int) -> np.ndarray:
        """Uniform numbers."""
        return rng.uniform(self.least, self.most, shape)


@dataclass(frozen=True)
class Style:
    """A way of writing.

    Attributes:
      count: digits of a row.
      row_scale, digit_scale: their product is by how much a digit of 20 pixels shrinks.
      narrowing: of the width alone.
      row_slant, digit_slant: their sum is how many pixels a digit leans to the right for each of
        its height. The row's is to either side.
      row_drop, digit_drop: their sum is how many pixels a digit stands below the middle. The row's
        is to either side.
      gap: pixels between the ink of two neighbours where they are nearest; below 1 they touch.
      margin: empty columns before the first digit and behind the last.
    """

    count: Range = Range(1, 8)
    row_scale: Range = Range(0.6, 0.8)
    digit_scale: Range = Range(0.9, 1.1)
    narrowing: Range = Range(0.9, 1.1)
    row_slant: Range = Range(0.0, 0.25)
    digit_slant: Range = Range(-0.1, 0.1)
    row_drop: Range = Range(0.0, 2.0)
    digit_drop: Range = Range(-1.0, 1.0)
    gap: Range = Range(-0.5, 4.5)
    margin: Range = Range(1.0, 6.0)

    def draw(self, rng: np.random.Generator, count: int) -> "Strokes":
        """How `count` digits of one row are written."""
        scale = self.row_scale.draw(rng) * self.digit_scale.draw(rng, count)
        sides = rng.choice([-1.0, 1.0], 2)
        return Strokes(
            heights=scale,
            widths=scale * self.narrowing.draw(rng, count),
            slants=sides[0] * self.row_slant.draw(rng) + self.digit_slant.draw(rng, count),
            drops=sides[1] * self.row_drop.draw(rng) + self.digit_drop.draw(rng, count),
            gaps=np.round(self.gap.draw(rng, count)).astype(int),
        )


class Strokes(NamedTuple):
    """How each digit of a row is written, [N] each."""

    heights: np.ndarray  # as parts of the digit's own picture
    widths: np.ndarray
    slants: np.ndarray  # pixels to the right for each pixel upward
    drops: np.ndarray  # pixels below the middle
    gaps: np.ndarray  # int, pixels between it and the digit before


TRAINING = Style()

# No digit of training leans by more than 0.35 or stands further than 3 pixels from the middle; of
# these every digit does.
SLANTED = Style(row_slant=Range(0.45, 0.6))
SHIFTED = Style(row_drop=Range(4.0, 5.5))
HARDER = Style(row_slant=SLANTED.row_slant, row_drop=SHIFTED.row_drop)
