"""Algorithmic tasks: sums, sequences to repeat, and parities, drawn by rule without end.

A problem is a row of symbols that are read one at a time (the bits of a parity all at once), and
the symbols that are asked at its last steps. As in the paper a delimiter (class 0) stands before
the first number, between both, in the place of what is asked, and ends what is told:

    read   - 1 2 3 - 8 9 9 - - - - -           read   - a b c - - - -
    asked                  1 0 2 2 -           asked          a b c -

Nothing that was told is read again. Easier problems may be mixed in for training, in which zeros
stand for some of the digits, or bits: what is added to zero has only to be repeated. Which of the
splits a problem belongs to is decided by a hash of what is read, so what is tested was never
trained on, however long training goes on.

Source: Kalchbrenner, Danihelka and Graves 2015, arXiv 1507.01526, sections 4.1 to 4.3. The
mixture after Zaremba and Sutskever 2014, "Learning to execute", arXiv 1410.4615, who mix lengths.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nnarch.data.examples import Batch

DELIMITER = 0
SPLITS = {"validation": 0, "test": 1}  # buckets of 64; training has all others
_BUCKETS_BITS = 6
_POWER_OF_BITS = 3  # rows of one and two bits, which parity is learnt from, are common then
_LEAST_PROBLEMS = 2**11  # with fewer, some splits would hold a handful


class Problems(Protocol):
    """A task."""

    @property
    def classes(self) -> int:
        """How many symbols there are, the delimiter among them."""
        ...

    @property
    def count(self) -> int:
        """How many different problems there are."""
        ...

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs int32 [N, T] and targets int32 [N, R], asked at the last R steps."""
        ...

    def show(self, symbols: np.ndarray) -> str:
        """A row of symbols to be read by people."""
        ...


@dataclass(frozen=True)
class Addition:
    """Two numbers of so many digits, none of which begins with 0; digits are classes 1 to 10.

    In a share `easier` of them some digits, the first among them, are zeros.
    """

    digits: int
    easier: float = 0.0

    classes = 11

    @property
    def count(self) -> int:
        """How many different problems there are."""
        return (9 * 10 ** (self.digits - 1)) ** 2

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs int32 [N, 3 digits + 4], targets int32 [N, digits + 2]."""
        numbers = rng.integers(0, 10, (2, count, self.digits))
        numbers[..., 0] = rng.integers(1, 10, (2, count))
        numbers = _eased(rng, self.easier, numbers, power=1)
        gap = np.zeros((count, 1), int)
        asked = np.zeros((count, self.digits + 2), int)
        inputs = np.concatenate([gap, numbers[0] + 1, gap, numbers[1] + 1, asked], axis=1)
        return _batch(inputs, _sums(*numbers))

    def show(self, symbols: np.ndarray) -> str:
        """Digits, and - for a delimiter."""
        return "".join("-" if symbol == DELIMITER else str(symbol - 1) for symbol in symbols)


def _sums(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Digits [N, D], the highest first -> classes [N, D + 2] of the sum, ended by delimiters."""
    count, digits = first.shape
    total, carry = np.zeros((count, digits + 1), int), np.zeros(count, int)
    for place in reversed(range(digits)):
        carry, total[:, place + 1] = np.divmod(first[:, place] + second[:, place] + carry, 10)
    total[:, 0] = carry
    end = np.full((count, 1), DELIMITER)
    long = np.concatenate([total + 1, end], axis=1)
    short = np.concatenate([total[:, 1:] + 1, end, end], axis=1)
    return np.where(carry[:, None] > 0, long, short)


def _eased(rng: np.random.Generator, easier: float, drawn: np.ndarray, *, power: int) -> np.ndarray:
    """[..., N, places] with zeros, in a share `easier` of the N: of each row of places another part
    is kept, from none to all, at places of its own. The higher the power, the fewer are kept.
    """
    if easier == 0:
        return drawn
    hard = rng.random((drawn.shape[-2], 1)) >= easier
    kept = rng.random((*drawn.shape[:-1], 1)) ** power
    return np.where(hard | (rng.random(drawn.shape) < kept), drawn, 0)


@dataclass(frozen=True)
class Memorisation:
    """So many symbols of an alphabet, to be told again in the order in which they came."""

    length: int
    symbols: int

    @property
    def classes(self) -> int:
        """The alphabet and the delimiter."""
        return self.symbols + 1

    @property
    def count(self) -> int:
        """How many different problems there are."""
        return self.symbols**self.length

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs int32 [N, 2 length + 2], targets int32 [N, length + 1]."""
        symbols = rng.integers(1, self.symbols + 1, (count, self.length))
        gap = np.zeros((count, 1), int)
        inputs = np.concatenate([gap, symbols, np.zeros((count, self.length + 1), int)], axis=1)
        return _batch(inputs, np.concatenate([symbols, gap], axis=1))

    def show(self, symbols: np.ndarray) -> str:
        """Numbers of symbols, and - for a delimiter."""
        return " ".join("-" if symbol == DELIMITER else str(symbol) for symbol in symbols)


@dataclass(frozen=True)
class Parity:
    """So many bits; asked is whether an odd number of them is set.

    In a share `easier` of them few are set.
    """

    bits: int
    easier: float = 0.0

    classes = 2

    @property
    def count(self) -> int:
        """How many different problems there are."""
        return 2**self.bits

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """inputs int32 [N, bits], targets int32 [N, 1]."""
        bits = rng.integers(0, 2, (count, self.bits))
        inputs = _eased(rng, self.easier, bits, power=_POWER_OF_BITS)
        return _batch(inputs, inputs.sum(axis=1, keepdims=True) % 2)

    def show(self, symbols: np.ndarray) -> str:
        """Bits."""
        return "".join(map(str, symbols))


def _batch(inputs: np.ndarray, targets: np.ndarray) -> Batch:
    return {"inputs": inputs.astype(np.int32), "targets": targets.astype(np.int32)}


def check_enough(problems: Problems) -> None:
    """Raises ValueError where there are too few problems to be split."""
    if problems.count < _LEAST_PROBLEMS:
        raise ValueError(
            f"expected {_LEAST_PROBLEMS} different problems at least, to be split; {problems} has "
            f"{problems.count}. Make them longer."
        )


def draw_of(problems: Problems, split: str, rng: np.random.Generator, count: int) -> Batch:
    """Draws problems of a split, "train", "validation" or "test".

    Raises:
      ValueError: there are too few problems to be split.
    """
    check_enough(problems)
    found, missing = [], count
    while missing > 0:
        share = 1 if split == "train" else 2**_BUCKETS_BITS
        drawn = problems.draw(rng, int(1.1 * missing * share) + 16)
        mine = np.flatnonzero(_belong(drawn["inputs"], split))[:missing]
        found.append({name: values[mine] for name, values in drawn.items()})
        missing -= len(mine)
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _belong(inputs: np.ndarray, split: str) -> np.ndarray:
    """bool [N]: which rows are of a split, by a hash of each."""
    factors = np.random.default_rng(2015).integers(1, 2**63, inputs.shape[1], dtype=np.uint64)
    mixed = (inputs.astype(np.uint64) * (2 * factors + np.uint64(1))).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)  # the finaliser of MurmurHash3
    mixed ^= mixed >> np.uint64(33)
    bucket = mixed >> np.uint64(64 - _BUCKETS_BITS)
    if split == "train":
        return bucket >= len(SPLITS)
    return bucket == SPLITS[split]
