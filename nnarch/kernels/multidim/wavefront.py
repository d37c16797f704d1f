"""An MDLSTM along anti-diagonals: all pixels of one are read at once.

How pictures are laid out for that depends on the platform: see `lanes` and `strips`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.multidim.lanes import lanes
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.multidim.strips import strips


def wavefront(params: MDLSTMParams, xs: Array, inside: Array, *, stable: bool) -> Array:
    """Several directions, each with its own weights and pictures.

    Args:
      params: each with a leading axis K of directions.
      xs: [K, B, Y, X, D].
      inside: bool [B, Y, X], a rectangle at the upper left: what lies beyond it comes after it.
      stable: see `mdlstm`.

    Returns:
      ys [K, B, Y, X, H], zero where not inside.
    """
    # Lanes are the rows or the columns, whichever are fewer.
    turned = xs.shape[2] > xs.shape[3]
    lane = "column" if turned else "row"
    if turned:
        xs, inside = jnp.swapaxes(xs, 2, 3), jnp.swapaxes(inside, 1, 2)
    # Each platform's way has a pass backward of its own, so the choice is made outside of both.
    ys = _on_platform(
        partial(strips, lane=lane, stable=stable),
        partial(_at_once, partial(lanes, lane=lane, stable=stable)),
        params,
        xs,
        inside,
    )
    ys = jnp.where(inside[..., None], ys, 0)
    return jnp.swapaxes(ys, 2, 3) if turned else ys


def _on_platform(cpu, default, *operands):
    return lax.platform_dependent(*operands, cpu=cpu, default=default)


def _at_once(run, params, xs, inside):
    """One loop for all directions: as many kernels a step as for one."""
    return jax.vmap(run, in_axes=(0, 0, None))(params, xs, inside)
