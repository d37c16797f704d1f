"""Pictures cut into patches that do not overlap."""

import jax.numpy as jnp
from jax import Array


def cut_patches(xs: Array, sizes: Array | None, patch: tuple[int, int]) -> Array:
    """[B, Y, X, D] -> [B, ceil(Y / py), ceil(X / px), py * px * D], zeros wherever there is no
    picture: what lies outside sizes, int32 [B, 2], may hold anything.
    """
    batch, *sides, channels = xs.shape
    if sizes is not None:
        y, x = (jnp.arange(side, dtype=jnp.int32) for side in sides)
        rows, columns = sizes[:, 0, None, None], sizes[:, 1, None, None]
        inside = (y[:, None] < rows) & (x < columns)
        xs = jnp.where(inside[..., None], xs, 0)
    missing = [(0, -side % size) for side, size in zip(sides, patch, strict=True)]
    xs = jnp.pad(xs, [(0, 0), *missing, (0, 0)])
    (py, px), (_, rows, columns, _) = patch, xs.shape
    cut = xs.reshape(batch, rows // py, py, columns // px, px, channels)
    return cut.swapaxes(2, 3).reshape(batch, rows // py, columns // px, py * px * channels)
