"""Shapes, dtypes and sizes of a call on pictures, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import check_params
from nnarch.kernels.lengths import clipped, on_device
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


def check_sizes(kernel: str, sizes, batch: int, limits: tuple[int, int]):
    """Returns sizes as int32 [B, 2], or None where every picture is known to be whole.

    Sizes on the host are checked; those on a device are clipped to 0..Y and 0..X.

    Raises:
      ValueError: not two integers a picture, or beyond the padded size where that can be seen.
    """
    if sizes is None:
        return None
    on_host = not on_device(sizes)
    sizes = np.asarray(sizes) if on_host else jnp.asarray(sizes)
    if on_host and batch == 0 and sizes.size == 0:
        sizes = sizes.astype(np.int32).reshape(batch, 2)
    if sizes.shape != (batch, 2) or not jnp.issubdtype(sizes.dtype, jnp.integer):
        raise ValueError(
            f"{kernel} expects sizes as integers [{batch}, 2], (rows, columns) of each picture; "
            f"got {sizes.dtype} {sizes.shape}. Count them as int32."
        )
    if not on_host:
        return clipped(sizes, limits)
    if outside := [
        s for s in sizes.tolist() if not all(0 <= n <= m for n, m in zip(s, limits, strict=True))
    ]:
        raise ValueError(
            f"{kernel} expects sizes from 0 to {limits}, the padded size; got {outside[0]}. "
            "Pad the pictures further, or cut the sizes."
        )
    return None if np.all(sizes == limits) else sizes.astype(np.int32)
