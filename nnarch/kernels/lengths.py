"""Lengths of right-padded rows: what is checked, what is clipped, what a mask is made of."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def check_lengths(
    name: str, lengths: "Array | np.ndarray | list[int] | None", batch: int, limit: int
) -> "Array | np.ndarray | None":
    """Returns lengths as int32 [B], or None where every row is known to be full.

    Lengths that lie on the host (a list, a NumPy array) are checked; those on a device or traced
    would cost a transfer and are clipped to 0..limit instead.

    Raises:
      ValueError: not one integer a row, or below 0 or above `limit` where that can be seen.
    """
    if lengths is None:
        return None
    on_host = not on_device(lengths)
    lengths = np.asarray(lengths) if on_host else jnp.asarray(lengths)
    if on_host and lengths.size == 0:
        lengths = lengths.astype(np.int32)  # an empty list has no integers to show its dtype by
    if lengths.shape != (batch,) or not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise ValueError(
            f"{name} must be integers of shape [{batch}], one a row of the batch; "
            f"got {lengths.dtype} {lengths.shape}. Count each row's steps, as int32."
        )
    if not on_host:
        return clipped(lengths, limit)
    if outside := [int(n) for n in lengths if not 0 <= n <= limit]:
        raise ValueError(
            f"{name} must lie between 0 and {limit}, the padded size; got {outside[0]}. "
            "Pad the rows further, or cut the lengths."
        )
    return None if np.all(lengths == limit) else lengths.astype(np.int32)


def on_device(value: "Array | np.ndarray | list") -> bool:
    """Whether an array, or one of a list's, is on a device or traced."""
    return any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value))


def clipped(values: Array, limits: "int | tuple[int, ...]") -> Array:
    """Integers of any dtype as int32, none below 0 or above its limit."""
    # Clipped as they are, since a cast could wrap; int8 holds no limit of 300.
    largest = np.minimum(limits, jnp.iinfo(values.dtype).max).astype(values.dtype)
    return jnp.clip(values, 0, largest).astype(jnp.int32)


def valid_steps(lengths: Array, steps: int) -> Array:
    """int32 [B] -> bool [B, steps], True at the steps that are not padding."""
    return jnp.arange(steps, dtype=jnp.int32) < lengths[:, None]
