"""What a call asks of the loop beside lengths, checked before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.check_params import dtype_of, is_floating
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.recurrent.cell import Cell
from nnarch.kernels.recurrent.options import Options


def check_options(cell: Cell, options: Options, xs: Array, hidden: int) -> Options:
    """Returns the options as arrays: starts of each step, masks and rates without a gradient.

    Raises:
      ValueError: a shape, dtype or rate does not fit.
    """
    batch, steps, _ = xs.shape
    exact = accumulator(xs.dtype)
    return Options(
        _check_starts(cell.name, options.starts, batch, steps),
        _check_mask(cell.name, options.mask, (batch, hidden), exact),
        _check_zoneout(cell, options.zoneout, (batch, steps, hidden), exact),
    )


def _check_starts(kernel: str, starts, batch: int, steps: int) -> Array | None:
    if starts is None:
        return None
    starts = starts if isinstance(starts, jax.Array) else np.asarray(starts)
    if starts.shape not in ((batch,), (batch, steps)) or starts.dtype != bool:
        raise ValueError(
            f"{kernel} expects starts of shape [{batch}] or [{batch}, {steps}], bool; got "
            f"{starts.dtype} {starts.shape}. One a row, for its first step, or one a step."
        )
    if starts.ndim == 2:
        return jnp.asarray(starts)
    first = jnp.arange(steps) == 0
    return first & jnp.asarray(starts)[:, None]


def _check_mask(
    kernel: str, mask: Array | None, expected: tuple[int, int], exact: jnp.dtype
) -> Array | None:
    if mask is None:
        return None
    if np.shape(mask) != expected or not is_floating(mask):
        raise ValueError(
            f"{kernel} expects recurrent_mask of shape {list(expected)}, floating; got "
            f"{dtype_of(mask)} {np.shape(mask)}. Draw it with recurrent_dropout_mask."
        )
    return lax.stop_gradient(jnp.asarray(mask, exact))


def _check_zoneout(
    cell: Cell, zoneout: tuple | None, expected: tuple[int, int, int], exact: jnp.dtype
) -> tuple | None:
    if zoneout is None:
        return None
    names = cell.state._fields
    if not isinstance(zoneout, tuple) or len(zoneout) != len(names):
        raise ValueError(
            f"{cell.name} expects zoneout as {cell.state.__name__}({', '.join(names)}); got "
            f"{type(zoneout).__name__}. Give a mask, a rate or None for each part of the state."
        )
    parts = zip(names, zoneout, strict=True)
    return cell.state(*(_check_part(cell.name, n, z, expected, exact) for n, z in parts))


def _check_part(
    kernel: str, name: str, z, expected: tuple[int, int, int], exact: jnp.dtype
) -> Array | None:
    if z is None:
        return None
    is_mask = np.shape(z) == expected and dtype_of(z) == jnp.bool_
    is_known = isinstance(z, int | float | np.number) and not isinstance(z, bool)
    is_rate = is_known or (np.shape(z) == () and is_floating(z))
    if not is_mask and not is_rate:
        raise ValueError(
            f"{kernel} expects a zoneout of {name} that is bool {list(expected)}, a rate, or None; "
            f"got {dtype_of(z)} {np.shape(z)}. Draw a mask with zoneout_mask."
        )
    if is_known and not 0 <= z <= 1:
        raise ValueError(f"{kernel} expects a zoneout rate of {name} from 0 to 1; got {z}.")
    return jnp.asarray(z) if is_mask else lax.stop_gradient(jnp.asarray(z, exact))
