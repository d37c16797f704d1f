"""An MDLSTM along anti-diagonals: all pixels of one run at once, Y + X - 1 steps a picture."""

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.multidim.skew import skewed, unskewed
from nnarch.kernels.multidim.step import MDLSTMStep, PixelState
from nnarch.kernels.recurrent.scan import Plan, scan


def wavefront(params: MDLSTMParams, xs: Array, inside: Array, *, stable: bool) -> Array:
    """xs [B, Y, X, D], inside bool [B, Y, X] -> ys [B, Y, X, H], zero where not inside.

    What is inside is a rectangle at the upper left: what lies beyond it comes after it.
    """
    if xs.shape[1] <= xs.shape[2]:
        return _along_lanes(params, xs, inside, "row", stable)
    xs, inside = jnp.swapaxes(xs, 1, 2), jnp.swapaxes(inside, 1, 2)
    return jnp.swapaxes(_along_lanes(params, xs, inside, "column", stable), 1, 2)


def _along_lanes(params, xs, inside, lane, stable: bool) -> Array:
    batch, lanes = xs.shape[:2]
    hidden = params.w_row.shape[0]
    steps = skewed(xs).reshape(batch * lanes, -1, xs.shape[3])
    # Before a lane begins its state is zero and stays so; behind its end it stays what it was,
    # which the next lane may still ask for.
    valid = skewed(inside).reshape(steps.shape[:2])
    nothing = jnp.zeros((batch * lanes, hidden), accumulator(xs.dtype))
    plan = Plan(MDLSTMStep(lanes, lane, stable), reverse=False)
    ys, _ = scan(plan, params, steps, PixelState(nothing, nothing), valid)
    return unskewed(ys.reshape(batch, lanes, -1, hidden))
