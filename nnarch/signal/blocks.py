"""A large volume as overlapping blocks of one size, and the blocks' answers blended to one."""

from itertools import product

import numpy as np

Start = tuple[int, int, int]


def block_starts(shape: tuple[int, int, int], *, size: int, step: int) -> list[Start]:
    """The first voxels of blocks that cover a volume, the last ones ending with it.

    Args:
      shape: of the volume, no side shorter than a block.
      size: voxels a side of a block.
      step: from one block to the next, at most `size`.

    Raises:
      ValueError: a side is too short, or blocks would leave gaps.
    """
    if min(shape) < size or not 0 < step <= size:
        raise ValueError(
            f"expected a volume of {size} voxels a side or more and steps from 1 to {size}; got "
            f"{tuple(shape)} and {step}. Pad the volume, or take smaller blocks or steps."
        )
    return list(product(*(_along(side, size, step) for side in shape)))


def _along(side: int, size: int, step: int) -> list[int]:
    count = 1 + -(-(side - size) // step)
    return [round(place) for place in np.linspace(0, side - size, count)]


def cut(volume: np.ndarray, starts: list[Start], *, size: int) -> np.ndarray:
    """[Z, Y, X, ...] -> [N, size, size, size, ...]."""
    return np.stack([volume[_place(start, size)] for start in starts])


class Blend:
    """Adds up what blocks say of each voxel; a block counts for less towards its sides."""

    def __init__(self, shape: tuple[int, int, int], channels: int, *, size: int):
        distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1
        self._weight = np.einsum("z,y,x->zyx", *[distance.astype(np.float32)] * 3)[..., None]
        self._total = np.zeros((*shape, channels), np.float32)
        self._weights = np.zeros((*shape, 1), np.float32)
        self._size = size

    def add(self, start: Start, values: np.ndarray) -> None:
        """Values [size, size, size, channels] of the block that begins at `start`."""
        place = _place(start, self._size)
        self._total[place] += self._weight * values
        self._weights[place] += self._weight

    def mean(self) -> np.ndarray:
        """float32 [Z, Y, X, channels]: weighted means."""
        return self._total / self._weights


def _place(start: Start, size: int) -> tuple[slice, ...]:
    return tuple(slice(first, first + size) for first in start)
