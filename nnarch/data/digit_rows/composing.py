"""Composes rows from MNIST: once, and keeps them as plain arrays in the data folder.

A row of a split is composed of that split's digits alone: no digit of a test row is seen in
training.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import track

from nnarch.data import mnist
from nnarch.data.digit_rows.drawing import Drawn, draw_row
from nnarch.data.digit_rows.rows import Rows, columns_needed, lay_out
from nnarch.data.digit_rows.style import HARDER, SHIFTED, SLANTED, TRAINING, Style
from nnarch.data.examples import Ragged
from nnarch.data.mnist import Digits
from nnarch.data.prepared import data_folder, made_once

NAME = "digit_rows"
VERSION = "1.0.0"  # raise it whenever what is drawn changes: drawn sets are found by it
SEED = 1  # of all that is drawn


class Split(NamedTuple):
    """What a split is composed of, and how."""

    digits: str  # the split of MNIST
    rows: int
    style: Style


SPLITS = {
    "train": Split("train", 40_000, TRAINING),
    "validation": Split("validation", 1000, TRAINING),
    "rows": Split("test", 2000, TRAINING),
    "harder": Split("test", 2000, HARDER),
    "slanted": Split("test", 1000, SLANTED),
    "shifted": Split("test", 1000, SHIFTED),
}


def load(
    name: mnist.Name = "digits",
    *,
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Rows]:
    """The rows, composed first where that has not been done.

    "train" and "validation"; the test sets are "rows", written as training's are, and "harder", in
    which every digit is slanted more and stands further from the middle than any in training;
    "slanted" and "shifted" are so in one of the two ways.

    Args:
      name: where the digits are from; see nnarch.data.mnist.
      folder: where prepared sets lie; the cache folder if left out.
      splits: which to read; all if left out.

    Raises:
      ValueError: there is no set or split of that name.
      nnarch.data.fetch.DataMissing: the digits are not there and cannot be fetched.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {[*SPLITS]}; got {sorted(unknown)}. Name those.")
    return {split: _read(_composed(split, name, data_folder(folder))) for split in splits or SPLITS}


def _composed(split: str, name: mnist.Name, folder: Path) -> Path:
    """The folder that holds a split's arrays."""
    digits, count, style = SPLITS[split]

    def write(place: Path) -> None:
        source = mnist.load(name, folder=folder, splits=(digits,))[digits]
        seed = (SEED, [*SPLITS].index(split))
        _write(compose(source, count, style, seed=seed, progress=f"writing {split}"), place)

    place = folder / NAME / name / VERSION
    place.mkdir(parents=True, exist_ok=True)
    return made_once(place / split, write)


def compose(
    digits: Digits, count: int, style: Style, *, seed: Sequence[int], progress: str = ""
) -> Rows:
    """Composes `count` rows of `digits`.

    Digits are taken in shuffled order, each again when all have been taken. The numbers depend on
    the seed and a row's place alone.
    """
    chosen = _deal(len(digits), count, style, np.random.default_rng([*seed, 0]))
    rows = track(chosen, progress, count) if progress else chosen
    drawn = [
        _draw(digits[places], style, np.random.default_rng([*seed, 1, row]))
        for row, places in enumerate(rows)
    ]
    pictures, places = zip(*(each for each, _ in drawn), strict=True)
    return lay_out(pictures, [labels for _, labels in drawn], places)


def _deal(available: int, count: int, style: Style, rng: np.random.Generator) -> Iterator:
    """The places of each row's digits."""
    least, most = int(style.count.least), int(style.count.most)
    lengths = rng.integers(least, most, count, endpoint=True)
    passes = -(-int(lengths.sum()) // available)
    dealt = np.concatenate([rng.permutation(available) for _ in range(passes)])
    return iter(np.split(dealt[: lengths.sum()], np.cumsum(lengths)[:-1]))


def _draw(digits: Digits, style: Style, rng: np.random.Generator) -> tuple[Drawn, np.ndarray]:
    """One row, and its labels."""
    labels = (digits.labels + 1).astype(np.int32)
    strokes = style.draw(rng, len(digits))
    margins = np.round(style.margin.draw(rng, 2)).astype(int)
    least_width = columns_needed(labels)
    return draw_row(digits.pictures, strokes, margins=margins, least_width=least_width), labels


_FILES = ("columns", "column_starts", "labels", "label_starts", "places")


def _write(rows: Rows, folder: Path) -> None:
    parts = (rows.pictures.values, rows.pictures.starts, rows.labels.values, rows.labels.starts)
    for name, values in zip(_FILES, (*parts, rows.places), strict=True):
        np.save(folder / f"{name}.npy", values)


def _read(folder: Path) -> Rows:
    # Columns come from the file when they are asked for; the others are small.
    modes = {"columns": "r"}
    columns, column_starts, labels, label_starts, places = (
        np.load(folder / f"{name}.npy", mmap_mode=modes.get(name)) for name in _FILES
    )
    return Rows(
        Ragged(columns, column_starts, "widths"),
        Ragged(labels, label_starts, "label_lengths"),
        places,
    )
