"""Rows of digits in memory, and what the pipeline draws from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnarch.data import mnist
from nnarch.data.examples import Examples, Ragged, ragged

BLANK = 0
CLASSES = 1 + mnist.CLASSES
COLUMNS_PER_FRAME = 4  # what a reader may join: every row leaves CTC as many frames as it needs


@dataclass(frozen=True, eq=False)
class Rows:
    """One split.

    Attributes:
      pictures: N of them, by columns: values uint8 [columns of all, rows of pixels], white on
        black; may be mapped from a file.
      labels: of each row: values int32, the digit and one, since 0 is the blank.
      places: int32 [digits of all, 2]: the first column of each digit's ink in its picture, and
        the one past its last.
    """

    pictures: Ragged
    labels: Ragged
    places: np.ndarray

    def __len__(self) -> int:
        """N rows."""
        return len(self.pictures.starts) - 1

    def picture(self, row: int) -> np.ndarray:
        """uint8 [Y, X]."""
        return np.asarray(self.pictures.values[_span(self.pictures, row)]).T

    def width(self, row: int) -> int:
        """Columns of its picture."""
        return int(self.pictures.starts[row + 1] - self.pictures.starts[row])

    def labels_of(self, row: int) -> np.ndarray:
        """int32 [digits]."""
        return self.labels.values[_span(self.labels, row)]

    def places_of(self, row: int) -> np.ndarray:
        """int32 [digits, 2]."""
        return self.places[_span(self.labels, row)]

    @property
    def texts(self) -> tuple[str, ...]:
        """The digits of each row, from left to right."""
        return tuple(decode(self.labels_of(row)) for row in range(len(self)))

    def take(self, rows: Sequence[int]) -> "Rows":
        """Those rows alone."""
        return lay_out(
            [self.picture(row) for row in rows],
            [self.labels_of(row) for row in rows],
            [self.places_of(row) for row in rows],
        )


def lay_out(
    pictures: Sequence[np.ndarray], labels: Sequence[np.ndarray], places: Sequence[np.ndarray]
) -> Rows:
    """Rows of pictures uint8 [Y, X_i], their labels int32 [L_i] and places int32 [L_i, 2]."""
    return Rows(
        ragged([picture.T for picture in pictures], "widths"),
        ragged(labels, "label_lengths"),
        np.concatenate(places),
    )


def unlabelled(pictures: Sequence[np.ndarray]) -> Rows:
    """Rows of pictures uint8 [Y, X_i] of which nothing else is known."""
    nothing = np.zeros(0, np.int32)
    count = len(pictures)
    return lay_out(pictures, [nothing] * count, [nothing.reshape(0, 2)] * count)


def _span(part: Ragged, row: int) -> slice:
    return slice(*part.starts[row : row + 2])


def examples(rows: Rows) -> Examples:
    """What the pipeline draws from: an example for each row.

    A batch has "columns" uint8 [B, X, Y], padded with black, and "widths" int32 [B]; "labels" int32
    [B, L], padded with the blank, and "label_lengths" int32 [B].
    """
    return Examples(ragged={"columns": rows.pictures, "labels": rows.labels})


def pictures_alone(rows: Rows) -> Examples:
    """An example for each row, without labels: what is read."""
    return Examples(ragged={"columns": rows.pictures})


def encode(text: str) -> np.ndarray:
    """int32 [len(text)].

    Raises:
      ValueError: a character is no digit.
    """
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError(f"expected digits from 0 to 9; got {text!r}. Leave out all others.")
    return np.array([int(digit) + 1 for digit in text], np.int32)


def decode(labels: Iterable[int]) -> str:
    """The digits of a labelling; blanks, which pad it, are left out."""
    return "".join(str(int(label) - 1) for label in labels if label != BLANK)


def columns_needed(labels: np.ndarray) -> int:
    """Columns that leave CTC a frame for each label, and one between two alike."""
    alike = sum(first == second for first, second in pairwise(labels))
    return COLUMNS_PER_FRAME * (len(labels) + alike)
