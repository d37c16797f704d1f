"""An MDLSTM for accelerators: a lane for each row of each picture, Y + X - 1 steps in all.

Lanes are idle for half of the steps, which costs an accelerator nothing: steps are what it waits
for.
"""

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.multidim.skew import skewed, unskewed
from nnarch.kernels.multidim.step import Lane, MDLSTMStep, PixelState
from nnarch.kernels.recurrent.scan import Plan, scan


def lanes(params: MDLSTMParams, xs: Array, inside: Array, lane: Lane, *, stable: bool) -> Array:
    """xs [B, L, X, D], inside bool [B, L, X] -> ys [B, L, X, H]; what is not inside, anything."""
    batch, count = xs.shape[:2]
    hidden = params.w_row.shape[0]
    steps = skewed(xs).reshape(batch * count, -1, xs.shape[3])
    # Before a lane begins its state is zero and stays so; behind its end it stays what it was,
    # which the next lane may still ask for.
    valid = skewed(inside).reshape(steps.shape[:2])
    nothing = jnp.zeros((batch * count, hidden), accumulator(xs.dtype))
    plan = Plan(MDLSTMStep(count, lane, stable), reverse=False)
    ys, _ = scan(plan, params, steps, PixelState(nothing, nothing), valid)
    return unskewed(ys.reshape(batch, count, -1, hidden))
