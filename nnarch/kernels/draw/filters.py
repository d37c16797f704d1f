"""DRAW's attention: a grid of Gaussian filters that reads a patch of a picture, or writes one.

Row i of F_Y [N, Y] is a Gaussian about the grid's i-th row; a patch is F_Y picture F_X^T, and what
it writes is F_Y^T patch F_X. The grid moves, widens and blurs by numbers that have gradients.

Source: Gregor, Danihelka, Graves, Rezende and Wierstra 2015, "DRAW", arXiv 1502.04623, section 3.2.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

NUMBERS = 5  # that a window is made of
LARGEST = 80.0  # logarithm whose exponential float32 holds
FARTHEST = 1e18  # deviations, of which it holds the square


class Window(NamedTuple):
    """Where a grid lies, in pixels from the middle of the first one."""

    centre: Array  # [B, 2], (y, x)
    stride: Array  # [B], from one filter to the next
    deviation: Array  # [B], of each filter
    intensity: Array  # [B]


def window_of(numbers: Array, *, grid: int, size: tuple[int, int]) -> Window:
    """What five numbers mean (equations 21 to 24).

    Args:
      numbers: [B, 5], any real numbers; of zeros, the grid covers the picture.
      grid: N filters a side.
      size: (Y, X) of the picture.
    """
    y, x, *logs = jnp.moveaxis(numbers, -1, 0)
    log_variance, log_stride, log_intensity = (jnp.clip(each, -LARGEST, LARGEST) for each in logs)
    rows, columns = size
    centre = jnp.stack([(rows + 1) * (y + 1), (columns + 1) * (x + 1)], axis=-1) / 2 - 1
    widest = (max(size) - 1) / max(grid - 1, 1)
    return Window(
        centre, widest * jnp.exp(log_stride), jnp.exp(log_variance / 2), jnp.exp(log_intensity)
    )


def gaussian_filters(window: Window, *, grid: int, size: tuple[int, int]) -> tuple[Array, Array]:
    """The filters of a window, each adding up to 1 over the picture (equations 25 and 26).

    Returns:
      F_Y [B, N, Y] and F_X [B, N, X].
    """
    return tuple(_along(window, axis, grid, length) for axis, length in enumerate(size))


def _along(window: Window, axis: int, grid: int, length: int) -> Array:
    steps = jnp.arange(grid, dtype=window.stride.dtype) - (grid - 1) / 2
    middles = window.centre[:, axis, None] + steps * window.stride[:, None]
    pixels = jnp.arange(length, dtype=middles.dtype)
    away = (pixels - middles[..., None]) / window.deviation[:, None, None]
    away = jnp.clip(away, -FARTHEST, FARTHEST)
    return jax.nn.softmax(-(away**2) / 2, axis=-1)


def read_patch(pictures: Array, window: Window, *, grid: int) -> Array:
    """What lies under a window: pictures [B, K, Y, X] to [B, K, N, N]."""
    by_row, by_column = gaussian_filters(window, grid=grid, size=pictures.shape[-2:])
    rows = jnp.einsum("bny,bkyx->bknx", by_row, pictures)
    patch = jnp.einsum("bknx,bmx->bknm", rows, by_column)
    return window.intensity[:, None, None, None] * patch


def write_patch(patch: Array, window: Window, *, size: tuple[int, int]) -> Array:
    """A patch [B, N, N] laid under a window: [B, Y, X]."""
    by_row, by_column = gaussian_filters(window, grid=patch.shape[-1], size=size)
    rows = jnp.einsum("bny,bnm->bym", by_row, patch / window.intensity[:, None, None])
    return jnp.einsum("bym,bmx->byx", rows, by_column)
