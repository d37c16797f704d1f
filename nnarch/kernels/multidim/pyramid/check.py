"""Shapes, dtypes and sizes of a call on volumes, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import is_floating
from nnarch.kernels.lengths import clipped, on_device
from nnarch.kernels.multidim.pyramid.parameters import PyramidParams


def check_volumes(kernel: str, xs: Array) -> None:
    """Raises ValueError unless xs is an array [B, Z, Y, X, D], D not 0, of a floating dtype."""
    if not hasattr(xs, "dtype") or np.ndim(xs) != 5 or xs.shape[4] == 0:
        raise ValueError(
            f"{kernel} expects xs [B, Z, Y, X, D], an array with D of 1 or more; got "
            f"{np.shape(xs)}. Put the batch first and channels last; give a single volume an axis "
            "with xs[None], one channel with xs[..., None]."
        )
    if not jnp.issubdtype(xs.dtype, jnp.floating):
        raise ValueError(
            f"{kernel} expects xs of a floating dtype; got {xs.dtype}. Scale it first."
        )


def check_params(
    kernel: str, params: PyramidParams, inputs: int, leading: tuple[int, ...] = ()
) -> None:
    """Raises ValueError unless every parameter has the shape that S, D and H ask for."""
    if not isinstance(params, tuple) or len(params) != 3:
        raise ValueError(
            f"{kernel} expects PyramidParams(w_x, w_h, b); got {type(params).__name__}. "
            "init_pyramid(key, input_size, hidden_size) draws one."
        )
    found = tuple(np.shape(p) for p in params)
    size, hidden = (found[1][-4], found[1][-2]) if len(found[1]) >= 4 else (0, 0)
    windows = ((size, size, inputs, 4 * hidden), (size, size, hidden, 4 * hidden))
    wanted = tuple(leading + shape for shape in (*windows, (4 * hidden,)))
    if found != wanted or hidden == 0 or size % 2 == 0:
        names = PyramidParams._fields
        raise ValueError(
            f"{kernel} with xs [B, Z, Y, X, {inputs}] expects PyramidParams of shapes "
            f"{dict(zip(names, wanted, strict=True))}, the window odd; "
            f"got {dict(zip(names, found, strict=True))}. "
            f"Draw them with init_pyramid(key, {inputs}, hidden_size), or mend the last axis of xs."
        )
    if bad := [n for n, p in zip(PyramidParams._fields, params, strict=True) if not is_floating(p)]:
        raise ValueError(
            f"{kernel} expects parameters of a floating dtype; {bad[0]} is not. Cast it first."
        )


def check_axis(kernel: str, axis: int) -> int:
    """Returns the axis.

    Raises:
      ValueError: it is none of a volume's three.
    """
    if axis not in (0, 1, 2):
        raise ValueError(f"{kernel} expects axis 0 (z), 1 (y) or 2 (x); got {axis!r}. Name one.")
    return int(axis)


def check_sizes(kernel: str, sizes, batch: int, limits: tuple[int, int, int]):
    """Returns sizes as int32 [B, 3], or None where every volume is known to be whole.

    Sizes on the host are checked; those on a device are clipped to 0..Z, 0..Y and 0..X.

    Raises:
      ValueError: not three integers a volume, or beyond the padded size where that can be seen.
    """
    if sizes is None:
        return None
    on_host = not on_device(sizes)
    sizes = np.asarray(sizes) if on_host else jnp.asarray(sizes)
    if on_host and batch == 0 and sizes.size == 0:
        sizes = sizes.astype(np.int32).reshape(batch, 3)
    if sizes.shape != (batch, 3) or not jnp.issubdtype(sizes.dtype, jnp.integer):
        raise ValueError(
            f"{kernel} expects sizes as integers [{batch}, 3], (slices, rows, columns) of each "
            f"volume; got {sizes.dtype} {sizes.shape}. Count them as int32."
        )
    if not on_host:
        return clipped(sizes, limits)
    if outside := [
        s for s in sizes.tolist() if not all(0 <= n <= m for n, m in zip(s, limits, strict=True))
    ]:
        raise ValueError(
            f"{kernel} expects sizes from 0 to {limits}, the padded size; got {outside[0]}. "
            "Pad the volumes further, or cut the sizes."
        )
    return None if np.all(sizes == limits) else sizes.astype(np.int32)
