"""Shapes, dtypes and sizes of a call on volumes, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import is_floating
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
