"""Shapes, dtypes and sizes of a call on pictures, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import check_params
from nnarch.kernels.multidim.parameters import MDLSTMParams


def check_pictures(kernel: str, xs: Array) -> None:
    """Raises ValueError unless xs is an array [B, Y, X, D], D not 0, of a floating dtype."""
    if not hasattr(xs, "dtype") or np.ndim(xs) != 4 or xs.shape[3] == 0:
        raise ValueError(
            f"{kernel} expects xs [B, Y, X, D], an array with D of 1 or more; got {np.shape(xs)}. "
            "Put the batch first and channels last; give a single picture an axis with xs[None]."
        )
    if not jnp.issubdtype(xs.dtype, jnp.floating):
        raise ValueError(
            f"{kernel} expects xs of a floating dtype; got {xs.dtype}. Scale or embed it first."
        )


def check_mdlstm_params(kernel: str, params: MDLSTMParams, inputs: int, leading: tuple = ()):
    """Raises ValueError unless every parameter has the shape that D and H ask for."""
    check_params(
        kernel,
        MDLSTMParams,
        params,
        lambda h: ((inputs, 5 * h), (h, 5 * h), (h, 5 * h), (5 * h,)),
        xs=f"[B, Y, X, {inputs}]",
        draw=f"mdlstm(key, {inputs}, hidden_size)",
        leading=leading,
    )


def check_flip(kernel: str, flip: tuple[bool, bool]) -> tuple[bool, bool]:
    """Returns flip as two bools.

    Raises:
      ValueError: it is no pair of them.
    """
    if not isinstance(flip, tuple | list) or len(flip) != 2:
        raise ValueError(
            f"{kernel} expects flip as (rows, columns), two of True and False; got {flip!r}."
        )
    return bool(flip[0]), bool(flip[1])
