"""Random changes to the shape of what is drawn on an empty ground: moved, turned, slanted, scaled.

Each output pixel is read from between four input pixels, at the place that an affine map sends it
to. Off the picture there is nothing, which is 0.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, random

from nnarch.signal.pictures import to_float


def distort(
    key: Array,
    pictures: Array,
    *,
    shift: float = 2.0,
    scale: float = 0.0,
    rotation: float = 0.0,
    slant: float = 0.0,
) -> Array:
    """Changes each picture of a batch at random, in its own way; every change is uniform.

    The numbers depend on the key and a picture's place in the batch, not on how the batch is spread
    over devices.

    Args:
      key: a typed key, for the whole batch.
      pictures: [B, Y, X, C]; uint8, or floats from 0 to 1; 0 is the ground.
      shift: pixels by which a picture moves at most on either axis, before it is scaled and turned.
      scale: share by which each axis grows or shrinks at most, about the middle.
      rotation: degrees by which it is turned at most, either way.
      slant: pixels to the side for each pixel of height, at most, either way.

    Returns:
      float32 [B, Y, X, C], from 0 to 1.

    Raises:
      ValueError: pictures are not [B, Y, X, C], or neither uint8 nor floats.
    """
    known = pictures.dtype == jnp.uint8 or jnp.issubdtype(pictures.dtype, jnp.floating)
    if pictures.ndim != 4 or not known:
        raise ValueError(
            f"distort expects pictures [B, Y, X, C] of uint8 or floats; got {pictures.shape} of "
            f"{pictures.dtype}. Put the batch first and the channels last."
        )
    return _distort(key, pictures, (shift, scale, rotation, slant))


@partial(jax.jit, static_argnames="limits")
def _distort(key: Array, pictures: Array, limits: tuple[float, float, float, float]) -> Array:
    batch, *sides, _ = pictures.shape
    maps, shifts = _maps(key, batch, *limits)
    middle = (jnp.array(sides, jnp.float32) - 1) / 2
    places = jnp.stack(jnp.meshgrid(*map(jnp.arange, sides), indexing="ij"), axis=-1)
    # As a sum, not a product of matrices: the default of a TPU would round places to 8 bits.
    offsets = (places - middle)[None, :, :, None, :] * maps[:, None, None]
    sources = middle + offsets.sum(axis=-1) - shifts[:, None, None]
    return _read(to_float(pictures), sources)


def _maps(
    key: Array, batch: int, shift: float, scale: float, rotation: float, slant: float
) -> tuple[Array, Array]:
    """From an output's place about the middle, (y, x), to its source's: [B, 2, 2]; and [B, 2]."""
    keys = random.split(key, 4)
    shifts, scales, angles, slants = (
        random.uniform(k, shape, minval=-limit, maxval=limit)
        for k, shape, limit in zip(
            keys,
            ((batch, 2), (batch, 2), (batch,), (batch,)),
            (shift, scale, jnp.deg2rad(rotation), slant),
            strict=True,
        )
    )
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    turn = jnp.stack([jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)], -2)
    lean = jnp.zeros((batch, 2, 2)).at[:, 0, 0].set(1).at[:, 1, 1].set(1).at[:, 1, 0].set(slants)
    both = (turn[:, :, :, None] * lean[:, None]).sum(axis=2)
    return both / (1 + scales[:, None]), shifts


def _read(pictures: Array, sources: Array) -> Array:
    """pictures [B, Y, X, C] at the places sources [B, Y, X, 2], (y, x), by linear interpolation."""
    batch, rows, columns, channels = pictures.shape
    flat = pictures.reshape(batch, rows * columns, channels)
    whole = jnp.floor(sources)
    share = sources - whole
    found = jnp.zeros_like(pictures)
    for down in (0, 1):
        for right in (0, 1):
            y, x = whole[..., 0] + down, whole[..., 1] + right
            weight = jnp.abs(1 - down - share[..., 0]) * jnp.abs(1 - right - share[..., 1])
            inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
            place = jnp.where(inside, y * columns + x, 0).astype(jnp.int32)
            pixels = jnp.take_along_axis(flat, place.reshape(batch, -1, 1), axis=1)
            weight = jnp.where(inside, weight, 0)[..., None]
            found += weight * pixels.reshape(pictures.shape)
    return found
