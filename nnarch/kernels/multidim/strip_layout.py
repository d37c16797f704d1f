"""Pictures laid end to end in strips, sheared so that anti-diagonals are what a step reads.

A strip holds P pictures of L lanes and X columns. Stacks are [M, (L + 1) S, ...]: M = P X + L
slots, S strips, and a lane that is no picture's. Slot t is that of step t and of the states before
it; the last one is no step's.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.varying import varying_as

IDLE = 8  # a strip is at least this many times as long as its lanes are many
MOST_ROWS = 256  # of a step, where there is a choice: more leave the cache


class Layout(NamedTuple):
    """How a batch of pictures lies in strips."""

    strips: int  # S
    pictures: int  # P, of a strip
    lanes: int  # L, of a picture
    columns: int  # X, pixels of a lane

    @property
    def slots(self) -> int:
        """M."""
        return self.pictures * self.columns + self.lanes

    @property
    def rows(self) -> int:
        """Of a step: the lanes of all strips."""
        return self.lanes * self.strips

    @property
    def steps(self) -> Array:
        """The slots of the steps. Unsigned: they need no look for a sign."""
        return jnp.arange(self.slots - 1, dtype=jnp.uint32)

    def zeros(self, like: Array, *features: int) -> Array:
        """A stack [M, L S + S, ...] in the dtype of sums."""
        shape = self.slots, self.rows + self.strips, *features
        return varying_as(like, jnp.zeros(shape, accumulator(like.dtype)))

    def to_strips(self, pictures: Array) -> Array:
        """[B, L, X, F] -> [M, L S + S, F], zeros where there is no pixel.

        A lane that is padded to M + 1 and read as if it were one shorter begins one slot later in
        each lane: no index is looked up.
        """
        width = self.strips * pictures.shape[-1]
        long = pictures.reshape(self.strips, self.pictures, self.lanes, self.columns, -1)
        long = jnp.transpose(long, (2, 1, 3, 0, 4)).reshape(self.lanes, -1, width)
        long = jnp.pad(long, ((0, 1), (0, self.lanes + 1), (0, 0)))
        flat = long.reshape(-1, width)[: (self.lanes + 1) * self.slots]
        skewed = flat.reshape(self.lanes + 1, self.slots, self.strips, pictures.shape[-1])
        return jnp.swapaxes(skewed, 0, 1).reshape(self.slots, -1, pictures.shape[-1])

    def from_strips(self, steps: Array) -> Array:
        """[M - 1, L S, F] -> [B, L, X, F], the inverse of `to_strips`."""
        features = steps.shape[-1]
        lanes = steps.reshape(-1, self.lanes, self.strips * features).swapaxes(0, 1)
        flat = lanes.reshape(-1, self.strips * features)
        long = jnp.pad(flat, ((0, self.lanes), (0, 0))).reshape(self.lanes, self.slots, -1)
        long = long[:, : self.pictures * self.columns]
        shape = self.lanes, self.pictures, self.columns, self.strips, features
        pictures = jnp.transpose(long.reshape(shape), (3, 1, 0, 2, 4))
        return pictures.reshape(-1, self.lanes, self.columns, features)


def layout_of(batch: int, lanes: int, columns: int) -> Layout:
    """Strips so long that lanes are seldom idle; beyond that short, since many rows make fast
    products.
    """
    divisors = [d for d in range(1, batch + 1) if batch % d == 0]
    long = [d for d in divisors if d * columns >= IDLE * lanes] or [batch]
    pictures = next((d for d in long if batch // d * lanes <= MOST_ROWS), batch)
    return Layout(batch // pictures, pictures, lanes, columns)
