"""Pictures sheared so that their anti-diagonals lie side by side: what a wavefront reads.

Row y is moved y places to the right: column s of what results is the anti-diagonal of the pixels
with y + x = s, of which none needs another one.
"""

import jax.numpy as jnp
from jax import Array


def skewed(pictures: Array) -> Array:
    """[B, Y, X, ...] -> [B, Y, Y + X - 1, ...], zeros where there is no pixel.

    A row that is padded to Y + X and read as if it were one shorter begins one place later in each
    line: no index is looked up.
    """
    batch, rows, columns = pictures.shape[:3]
    rest = pictures.shape[3:]
    padding = [(0, 0), (0, 0), (0, rows), *((0, 0) for _ in rest)]
    flat = jnp.pad(pictures, padding).reshape(batch, rows * (rows + columns), *rest)
    return flat[:, : rows * (rows + columns - 1)].reshape(batch, rows, rows + columns - 1, *rest)


def unskewed(diagonals: Array) -> Array:
    """[B, Y, Y + X - 1, ...] -> [B, Y, X, ...], the inverse of `skewed`."""
    batch, rows, steps = diagonals.shape[:3]
    rest = diagonals.shape[3:]
    flat = diagonals.reshape(batch, rows * steps, *rest)
    flat = jnp.pad(flat, [(0, 0), (0, rows), *((0, 0) for _ in rest)])
    return flat.reshape(batch, rows, steps + 1, *rest)[:, :, : steps + 1 - rows]
