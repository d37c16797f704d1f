"""Random changes to pictures that leave what they show: shifts, scale, colour.

A shift and a scale of each axis are one small matrix an axis: row i of it takes output pixel i from
between two neighbouring input pixels. So the whole change of position is two batched matrix
products, which every accelerator does well, where a gather is slow on some.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax, random


def augment(
    key: Array,
    pictures: Array,
    *,
    shift: float = 3.0,
    scale: float = 0.1,
    brightness: float = 0.1,
    contrast: float = 0.2,
    channels: float = 0.1,
) -> Array:
    """Changes each picture of a batch at random, in its own way.

    The numbers depend on the key and a picture's place in the batch, not on how the batch is spread
    over devices.

    Args:
      key: a typed key, for the whole batch.
      pictures: [B, S, S, 3]; uint8, or floats from 0 to 1.
      shift: pixels by which a picture moves at most on either axis, before it is scaled. Its border
        is continued.
      scale: share by which it grows or shrinks at most, about its middle.
      brightness: what is added at most, in either direction.
      contrast: share by which distances from the picture's mean change at most.
      channels: share by which each colour changes at most.

    Returns:
      float32 [B, S, S, 3], from 0 to 1.

    Raises:
      ValueError: pictures are not [B, S, S, 3], or neither uint8 nor floats.
    """
    _check(pictures)
    return _augment(key, pictures, (shift, scale), (brightness, contrast, channels))


def to_float(pictures: Array) -> Array:
    """uint8, or floats from 0 to 1 -> float32 from 0 to 1: what `augment` gives, unchanged."""
    whole = jnp.issubdtype(pictures.dtype, jnp.integer)
    return pictures.astype(jnp.float32) / (255 if whole else 1)


def _check(pictures: Array) -> None:
    square = pictures.ndim == 4 and pictures.shape[1] == pictures.shape[2]
    known = pictures.dtype == jnp.uint8 or jnp.issubdtype(pictures.dtype, jnp.floating)
    if not square or pictures.shape[3] != 3 or not known:
        raise ValueError(
            f"augment expects pictures [B, S, S, 3] of uint8 or floats; got {pictures.shape} of "
            f"{pictures.dtype}. Put the batch first and the colours last, and cut to a square."
        )


@partial(jax.jit, static_argnames=("place", "colour"))
def _augment(
    key: Array, pictures: Array, place: tuple[float, float], colour: tuple[float, float, float]
) -> Array:
    place_key, colour_key = random.split(key)
    moved = _move(place_key, to_float(pictures), *place)
    return jnp.clip(_colour(colour_key, moved, *colour), 0, 1)


def _move(key: Array, pictures: Array, shift: float, scale: float) -> Array:
    """Shifts and scales: out[y, x] = sum over v, u of rows[y, v] columns[x, u] in[v, u]."""
    batch, size = pictures.shape[:2]
    shift_key, scale_key = random.split(key)
    shifts = random.uniform(shift_key, (batch, 2), minval=-shift, maxval=shift)
    scales = 1 + random.uniform(scale_key, (batch, 1), minval=-scale, maxval=scale)
    rows, columns = (_resampling(shifts[:, axis], scales[:, 0], size) for axis in (0, 1))
    # Full float32: the default of a TPU would round pixels to 8 bits of mantissa.
    moved = jnp.einsum("byv,bvuc->byuc", rows, pictures, precision=lax.Precision.HIGHEST)
    return jnp.einsum("bxu,byuc->byxc", columns, moved, precision=lax.Precision.HIGHEST)


def _resampling(shifts: Array, scales: Array, size: int) -> Array:
    """[B, S, S]: the weight of input pixel j in output pixel i, by linear interpolation."""
    middle = (size - 1) / 2
    pixels = jnp.arange(size, dtype=jnp.float32)
    sources = middle + (pixels - middle) / scales[:, None] - shifts[:, None]
    sources = jnp.clip(sources, 0, size - 1)  # beyond the border stands the border
    return jnp.maximum(0, 1 - jnp.abs(sources[:, :, None] - pixels))


def _colour(
    key: Array, pictures: Array, brightness: float, contrast: float, channels: float
) -> Array:
    batch = pictures.shape[0]
    offset_key, contrast_key, channel_key = random.split(key, 3)
    offsets = random.uniform(offset_key, (batch, 1, 1, 1), minval=-brightness, maxval=brightness)
    factors = 1 + random.uniform(contrast_key, (batch, 1, 1, 1), minval=-contrast, maxval=contrast)
    gains = 1 + random.uniform(channel_key, (batch, 1, 1, 3), minval=-channels, maxval=channels)
    means = pictures.mean(axis=(1, 2, 3), keepdims=True)
    return (means + (pictures - means) * factors + offsets) * gains
