"""What the recurrent cells are made of: parameters, states, and how both begin.

Gates are laid side by side on the last axis of a weight, in the order that each class names.
Recurrent weights start orthogonal, one matrix a gate; input weights start Glorot uniform; an LSTM's
forget gate starts open (bias 1: Gers, Schmidhuber and Cummins 2000).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.check_params import check_sizes_drawn


class ElmanParams(NamedTuple):
    """h' = tanh(x w_x + h w_h + b). Source: Elman 1990, "Finding structure in time"."""

    w_x: Array  # [D, H]
    w_h: Array  # [H, H]
    b: Array  # [H]


class LSTMParams(NamedTuple):
    """Gates i, f, g, o. Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000."""

    w_x: Array  # [D, 4H]
    w_h: Array  # [H, 4H]
    b: Array  # [4H]


class GRUParams(NamedTuple):
    """Gates r, z, n. Source: Cho et al. 2014, arXiv 1406.1078."""

    w_x: Array  # [D, 3H]
    w_h: Array  # [H, 3H]
    b: Array  # [3H]
    b_n: Array  # [H], beside the recurrent product of gate n


class PeepholeLSTMParams(NamedTuple):
    """Gates i, f, g, o. Source: Gers and Schmidhuber 2000, "Recurrent nets that time and count"."""

    w_x: Array  # [D, 4H]
    w_h: Array  # [H, 4H]
    b: Array  # [4H]
    p_i: Array  # [H], beside the state c before the step
    p_f: Array  # [H], beside the state c before the step
    p_o: Array  # [H], beside the state c after the step


class LayerNormLSTMParams(NamedTuple):
    """Gates i, f, g, o. Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450.

    The paper shifts the arguments of the gates three times; b is the sum of these.
    """

    w_x: Array  # [D, 4H]
    w_h: Array  # [H, 4H]
    b: Array  # [4H]
    scale_x: Array  # [4H], of the normalised x w_x
    scale_h: Array  # [4H], of the normalised h w_h
    scale_c: Array  # [H], of the normalised c
    shift_c: Array  # [H], of the normalised c


class ElmanState(NamedTuple):
    """What one step of an Elman net hands to the next."""

    h: Array  # [B, H] float32


class LSTMState(NamedTuple):
    """What one step of an LSTM hands to the next."""

    h: Array  # [B, H] float32
    c: Array  # [B, H] float32


class GRUState(NamedTuple):
    """What one step of a GRU hands to the next."""

    h: Array  # [B, H] float32


def init_elman(
    key: Array, input_size: int, hidden_size: int, *, dtype: jnp.dtype = jnp.float32
) -> ElmanParams:
    """Draws the parameters of an Elman net: w_x [D, H], w_h [H, H], b [H], all of `dtype`."""
    w_x, w_h = _init_weights(key, input_size, hidden_size, 1, dtype)
    return ElmanParams(w_x, w_h, jnp.zeros(hidden_size, dtype))


def init_lstm(
    key: Array, input_size: int, hidden_size: int, *, dtype: jnp.dtype = jnp.float32
) -> LSTMParams:
    """Draws the parameters of an LSTM: w_x [D, 4H], w_h [H, 4H], b [4H], all of `dtype`."""
    w_x, w_h = _init_weights(key, input_size, hidden_size, 4, dtype)
    forget_open = jnp.zeros((4, hidden_size), dtype).at[1].set(1)
    return LSTMParams(w_x, w_h, forget_open.reshape(-1))


def init_peephole_lstm(
    key: Array, input_size: int, hidden_size: int, *, dtype: jnp.dtype = jnp.float32
) -> PeepholeLSTMParams:
    """Draws the parameters of an LSTM; its peepholes p_i, p_f, p_o [H] start closed, at zero."""
    params = init_lstm(key, input_size, hidden_size, dtype=dtype)
    return PeepholeLSTMParams(*params, *(jnp.zeros(hidden_size, dtype) for _ in range(3)))


def init_layer_norm_lstm(
    key: Array, input_size: int, hidden_size: int, *, dtype: jnp.dtype = jnp.float32
) -> LayerNormLSTMParams:
    """Draws the parameters of an LSTM; all scales start at one, the shift at zero."""
    params = init_lstm(key, input_size, hidden_size, dtype=dtype)
    of_gates, of_c = jnp.ones(4 * hidden_size, dtype), jnp.ones(hidden_size, dtype)
    return LayerNormLSTMParams(*params, of_gates, of_gates, of_c, jnp.zeros_like(of_c))


def init_gru(
    key: Array, input_size: int, hidden_size: int, *, dtype: jnp.dtype = jnp.float32
) -> GRUParams:
    """Draws the parameters of a GRU: w_x [D, 3H], w_h [H, 3H], b [3H], b_n [H], all of `dtype`."""
    w_x, w_h = _init_weights(key, input_size, hidden_size, 3, dtype)
    return GRUParams(w_x, w_h, jnp.zeros(3 * hidden_size, dtype), jnp.zeros(hidden_size, dtype))


def _init_weights(
    key: Array, input_size: int, hidden_size: int, gates: int, dtype: jnp.dtype
) -> tuple[Array, Array]:
    """One draw a gate, so that no gate's scale depends on how many others lie beside it."""
    check_sizes_drawn(input_size=input_size, hidden_size=hidden_size)
    glorot, orthogonal = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.orthogonal()
    keys = jax.random.split(key, (2, gates))
    # LAPACK makes nothing orthogonal in bfloat16.
    exact = dtype if jnp.finfo(dtype).bits > 32 else jnp.float32
    w_x = [glorot(k, (input_size, hidden_size), exact) for k in keys[0]]
    w_h = [orthogonal(k, (hidden_size, hidden_size), exact) for k in keys[1]]
    return jnp.concatenate(w_x, axis=1).astype(dtype), jnp.concatenate(w_h, axis=1).astype(dtype)
