"""Sizes of pictures and volumes in a padded batch, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.lengths import clipped, on_device

_NAMES = {2: ("picture", "rows, columns"), 3: ("volume", "slices, rows, columns")}


def check_sizes(
    kernel: str, sizes: "Array | np.ndarray | list | None", batch: int, limits: tuple[int, ...]
) -> "Array | np.ndarray | None":
    """Returns sizes as int32 [B, axes], or None where all are known to be whole.

    Sizes on the host are checked; those on a device are clipped to 0..limits.

    Args:
      kernel: its name, for the error.
      sizes: [B, axes], integers; None says that all are whole.
      batch: B.
      limits: the padded size, (Y, X) of pictures or (Z, Y, X) of volumes.

    Raises:
      ValueError: not an integer an axis for each, or beyond the padded size where that can be seen.
    """
    if sizes is None:
        return None
    expected, (name, axes) = (batch, len(limits)), _NAMES[len(limits)]
    on_host = not on_device(sizes)
    sizes = np.asarray(sizes) if on_host else jnp.asarray(sizes)
    if on_host and batch == 0 and sizes.size == 0:
        sizes = np.zeros(expected, np.int32)  # an empty list has no integers to show its dtype by
    if sizes.shape != expected or not jnp.issubdtype(sizes.dtype, jnp.integer):
        raise ValueError(
            f"{kernel} expects sizes as integers {list(expected)}, ({axes}) of each {name}; "
            f"got {sizes.dtype} {sizes.shape}. Count them as int32."
        )
    if not on_host:
        return clipped(sizes, limits)
    beyond = np.any((sizes < 0) | (sizes > np.array(limits)), axis=1)
    if beyond.any():
        raise ValueError(
            f"{kernel} expects sizes from 0 to {limits}, the padded size; got "
            f"{sizes[beyond][0].tolist()}. Pad the {name}s further, or cut the sizes."
        )
    return None if np.all(sizes == limits) else sizes.astype(np.int32)
