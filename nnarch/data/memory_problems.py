"""Problems of memory, drawn by rule without end: what has to be told was read long before.

Each is read a frame at a time, and what is asked is told at the last frames. How far a net has to
remember is the problem's distance:

    adding   numbers between 0 and 1, two of which are marked, one in each half of the row; asked
             is their sum. Always answering 1 has a mean squared error of 1/6.
    copying  ten symbols of eight, so many blanks less one, a delimiter, and ten blanks, while
             which the symbols are to be told.
    parity   so many bits; asked is whether an odd number of them is set.

Sources: Hochreiter and Schmidhuber 1997, "Long short-term memory", section 5.4, for adding, whose
numbers and markers stand here as in Le, Jaitly and Hinton 2015, arXiv 1504.00941, section 4.1;
and for both; Arjovsky, Shah and Bengio 2016, arXiv 1511.06464, section 5.1, for copying, in which
blanks that are asked before the symbols are left out here.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from nnarch.data import sequences
from nnarch.data.examples import Batch

_SYMBOLS, _COPIED = 8, 10
_BLANK, _DELIMITER = _SYMBOLS, _SYMBOLS + 1
_SPLITS = {"validation": 0, "test": 1}


class Problems(Protocol):
    """A task at one distance."""

    distance: int
    answer: Literal["number", "class"]  # how it is told
    features: int  # of a frame
    outputs: int  # numbers, or scores of classes, that are told at a frame
    asked: int  # at how many frames, the last ones

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs float32 [N, T, features] and targets [N, asked], float32 or int32 classes."""
        ...


@dataclass(frozen=True)
class Adding:
    """Two marked numbers among `distance`, and their sum. A frame is a number and its mark."""

    distance: int
    answer: ClassVar[Literal["number", "class"]] = "number"
    features: ClassVar[int] = 2
    outputs: ClassVar[int] = 1
    asked: ClassVar[int] = 1

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs float32 [N, distance, 2], targets float32 [N, 1]."""
        numbers = rng.random((count, self.distance), np.float32)
        half, rows = self.distance // 2, np.arange(count)
        places = rng.integers(0, half, count), rng.integers(half, self.distance, count)
        marks = np.zeros_like(numbers)
        for each in places:
            marks[rows, each] = 1
        asked = (numbers * marks).sum(axis=1, keepdims=True)
        return {"inputs": np.stack([numbers, marks], axis=-1), "targets": asked}


@dataclass(frozen=True)
class Copying:
    """Ten symbols, and the same again `distance` blanks later. A frame is one of ten, one-hot."""

    distance: int
    answer: ClassVar[Literal["number", "class"]] = "class"
    features: ClassVar[int] = _SYMBOLS + 2
    outputs: ClassVar[int] = _SYMBOLS
    asked: ClassVar[int] = _COPIED

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs float32 [N, distance + 20, 10], targets int32 [N, 10]."""
        symbols = rng.integers(0, _SYMBOLS, (count, _COPIED), dtype=np.int32)
        read = np.full((count, self.distance + 2 * _COPIED), _BLANK)
        read[:, :_COPIED] = symbols
        read[:, -_COPIED - 1] = _DELIMITER
        return {"inputs": np.eye(self.features, dtype=np.float32)[read], "targets": symbols}


@dataclass(frozen=True)
class Parity:
    """The parity of `distance` bits. A frame is a bit."""

    distance: int
    answer: ClassVar[Literal["number", "class"]] = "class"
    features: ClassVar[int] = 1
    outputs: ClassVar[int] = 2
    asked: ClassVar[int] = 1

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs float32 [N, distance, 1], targets int32 [N, 1]."""
        drawn = sequences.Parity(self.distance).draw(rng, count)
        return drawn | {"inputs": drawn["inputs"][..., None].astype(np.float32)}


def held_out(problems: Problems, split: Literal["validation", "test"], count: int) -> Batch:
    """The problems that a split holds: always the same, and apart from all that training draws.

    Of ten bits there are a thousand rows, and training has seen them all; of the others none.
    """
    seed = (2015, _SPLITS[split], problems.distance)  # training has seeds of two numbers
    return problems.draw(np.random.default_rng(seed), count)
