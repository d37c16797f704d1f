"""The recurrences as plain scans, differentiated by JAX: forward mode and higher orders work here.

Shares no code with the fast implementation: each step is the published equation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.cells import (
    ElmanParams,
    ElmanState,
    GRUParams,
    GRUState,
    LayerNormLSTMParams,
    LSTMParams,
    LSTMState,
    PeepholeLSTMParams,
)
from nnarch.kernels.recurrent.options import NONE, Options
from nnarch.kernels.varying import varying_alike

EPSILON = 1e-5  # beside a variance

Seen = Callable[[Array], Array]
"""What a product with the recurrent weights sees of h."""


def reference(
    step,
    params: tuple,
    xs: Array,
    initial: tuple,
    valid: Array | None,
    options: Options = NONE,
    *,
    reverse: bool,
):
    """xs [B, T, D], initial states [B, H], valid bool [B, T] or None -> (ys [B, T, H], final)."""
    operands = varying_alike((params, xs, initial, valid, options))
    params, xs, initial, valid, options = operands
    if valid is None:
        valid = jnp.ones_like(xs[..., 0], bool)
    xs = jnp.where(valid[..., None], xs, 0)
    exact = initial.h.dtype
    params = jax.tree.map(lambda p: p.astype(exact), params)

    def seen(h):
        return h if options.mask is None else h * options.mask

    def advance(state, inputs):
        x, here, starts, zoneout = inputs
        if starts is not None:
            state = jax.tree.map(lambda s: jnp.where(starts[:, None], 0, s), state)
        new = step(params, x.astype(exact), state, seen)
        if zoneout is not None:
            new = type(new)(*map(_zoned_out, zoneout, state, new))
        state = jax.tree.map(lambda n, o: jnp.where(here[:, None], n, o), new, state)
        return state, jnp.where(here[:, None], state.h, 0).astype(xs.dtype)

    stacks = xs, valid, options.starts, _of_each_step(options.zoneout, xs.shape[1])
    stacks = jax.tree.map(lambda rows: jnp.swapaxes(rows, 0, 1), stacks)
    final, ys = lax.scan(advance, initial, stacks, reverse=reverse)
    return jnp.swapaxes(ys, 0, 1), final


def _of_each_step(zoneout: tuple | None, steps: int) -> tuple | None:
    """Rates [] -> [1, T, 1]."""
    return jax.tree.map(lambda z: z if z.ndim else jnp.broadcast_to(z, (1, steps, 1)), zoneout)


def _zoned_out(z: Array | None, before: Array, made: Array) -> Array:
    if z is None:
        return made
    z = z.astype(made.dtype)
    return z * before + (1 - z) * made


def elman_step(params: ElmanParams, x: Array, state: ElmanState, seen: Seen) -> ElmanState:
    """Elman 1990."""
    return ElmanState(jnp.tanh(x @ params.w_x + seen(state.h) @ params.w_h + params.b))


def lstm_step(params: LSTMParams, x: Array, state: LSTMState, seen: Seen) -> LSTMState:
    """Gers, Schmidhuber and Cummins 2000."""
    i, f, g, o = jnp.split(x @ params.w_x + seen(state.h) @ params.w_h + params.b, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def gru_after_step(params: GRUParams, x: Array, state: GRUState, seen: Seen) -> GRUState:
    """The reset gate applied after the recurrent product, as cuDNN does."""
    x_r, x_z, x_n = jnp.split(x @ params.w_x + params.b, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(seen(state.h) @ params.w_h, 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * (h_n + params.b_n))
    return GRUState((1 - z) * n + z * state.h)


def gru_before_step(params: GRUParams, x: Array, state: GRUState, seen: Seen) -> GRUState:
    """The reset gate applied before the recurrent product, as Cho et al. 2014 published it."""
    x_r, x_z, x_n = jnp.split(x @ params.w_x + params.b, 3, axis=-1)
    u_r, u_z, u_n = jnp.split(params.w_h, 3, axis=-1)
    h = seen(state.h)
    r, z = jax.nn.sigmoid(x_r + h @ u_r), jax.nn.sigmoid(x_z + h @ u_z)
    n = jnp.tanh(x_n + (r * h) @ u_n + params.b_n)
    return GRUState((1 - z) * n + z * state.h)


def peephole_lstm_step(
    params: PeepholeLSTMParams, x: Array, state: LSTMState, seen: Seen
) -> LSTMState:
    """Gers and Schmidhuber 2000: gates see the cell's state."""
    i, f, g, o = jnp.split(x @ params.w_x + seen(state.h) @ params.w_h + params.b, 4, axis=-1)
    i = jax.nn.sigmoid(i + params.p_i * state.c)
    f = jax.nn.sigmoid(f + params.p_f * state.c)
    c = f * state.c + i * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o + params.p_o * c) * jnp.tanh(c), c)


def layer_norm_lstm_step(
    params: LayerNormLSTMParams, x: Array, state: LSTMState, seen: Seen
) -> LSTMState:
    """Ba, Kiros and Hinton 2016, equations 20 to 22."""
    of_x = _normalised(x @ params.w_x) * params.scale_x
    of_h = _normalised(seen(state.h) @ params.w_h) * params.scale_h
    i, f, g, o = jnp.split(of_x + of_h + params.b, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    shown = _normalised(c) * params.scale_c + params.shift_c
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(shown), c)


def _normalised(rows: Array) -> Array:
    mean, variance = (of(rows, axis=-1, keepdims=True) for of in (jnp.mean, jnp.var))
    return (rows - mean) / jnp.sqrt(variance + EPSILON)
