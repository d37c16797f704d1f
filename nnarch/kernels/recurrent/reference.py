"""The recurrences as plain scans, differentiated by JAX: forward mode and higher orders work here.

Shares no code with the fast implementation: each step is the published equation.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.cells import ElmanParams, ElmanState, GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.varying import varying_alike


def reference(step, params: tuple, xs: Array, initial: tuple, valid: Array | None, reverse: bool):
    """xs [B, T, D], initial states [B, H], valid bool [B, T] or None -> (ys [B, T, H], final)."""
    params, xs, initial, valid = varying_alike((params, xs, initial, valid))
    if valid is None:
        valid = jnp.ones_like(xs[..., 0], bool)
    xs = jnp.where(valid[..., None], xs, 0)
    exact = initial.h.dtype
    params = jax.tree.map(lambda p: p.astype(exact), params)

    def advance(state, inputs):
        x, here = inputs
        new = step(params, x.astype(exact), state)
        state = jax.tree.map(lambda n, o: jnp.where(here[:, None], n, o), new, state)
        return state, jnp.where(here[:, None], state.h, 0).astype(xs.dtype)

    inputs = (jnp.swapaxes(xs, 0, 1), valid.T)
    final, ys = lax.scan(advance, initial, inputs, reverse=reverse)
    return jnp.swapaxes(ys, 0, 1), final


def elman_step(params: ElmanParams, x: Array, state: ElmanState) -> ElmanState:
    """Elman 1990."""
    return ElmanState(jnp.tanh(x @ params.w_x + state.h @ params.w_h + params.b))


def lstm_step(params: LSTMParams, x: Array, state: LSTMState) -> LSTMState:
    """Gers, Schmidhuber and Cummins 2000."""
    i, f, g, o = jnp.split(x @ params.w_x + state.h @ params.w_h + params.b, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def gru_after_step(params: GRUParams, x: Array, state: GRUState) -> GRUState:
    """The reset gate applied after the recurrent product, as cuDNN does."""
    x_r, x_z, x_n = jnp.split(x @ params.w_x + params.b, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(state.h @ params.w_h, 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * (h_n + params.b_n))
    return GRUState((1 - z) * n + z * state.h)


def gru_before_step(params: GRUParams, x: Array, state: GRUState) -> GRUState:
    """The reset gate applied before the recurrent product, as Cho et al. 2014 published it."""
    x_r, x_z, x_n = jnp.split(x @ params.w_x + params.b, 3, axis=-1)
    u_r, u_z, u_n = jnp.split(params.w_h, 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + state.h @ u_r), jax.nn.sigmoid(x_z + state.h @ u_z)
    n = jnp.tanh(x_n + (r * state.h) @ u_n + params.b_n)
    return GRUState((1 - z) * n + z * state.h)
