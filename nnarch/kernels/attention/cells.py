"""LSTM and GRU inside a step of `deferred_scan`: beside the input a step reads what is attended to.

The input's projection is made before the loop, and added to the product that takes the rest.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.cells import GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.deferred import Multiply
from nnarch.kernels.dtypes import accumulator

DENSE = "bk,kn->bn"


class Cell(NamedTuple):
    """A cell, and what it is made of."""

    state: type
    weights: Callable[[tuple, Array], dict[str, Array]]  # from its parameters and w_x of the rest
    constants: Callable[[tuple, Array], dict[str, Array]]  # from its parameters and xs
    step: Callable[[Multiply, dict[str, Any], Array, tuple], tuple]
    entrance: str  # the product that the input's projection is added to


def _lstm_step(multiply, read, rest, state: LSTMState) -> LSTMState:
    i, f, g, o = jnp.split(multiply("w_state", rest, state.h), 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def _gru_after_step(multiply, read, rest, state: GRUState) -> GRUState:
    x_r, x_z, x_n = jnp.split(multiply("w_rest", rest), 3, axis=-1)
    h_r, h_z, h_n = jnp.split(multiply("w_h", state.h), 3, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * (h_n + read["b_n"]))
    return GRUState(n + z * (state.h - n))


def _gru_before_step(multiply, read, rest, state: GRUState) -> GRUState:
    x_r, x_z, x_n = jnp.split(multiply("w_rest", rest), 3, axis=-1)
    h_r, h_z = jnp.split(multiply("w_gates", state.h), 2, axis=-1)
    r, z = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + multiply("w_candidate", r * state.h) + read["b_n"])
    return GRUState(n + z * (state.h - n))


def rows(b: Array, xs: Array) -> Array:
    """One a row of xs, so that its gradient is no sum over the batch inside the loop."""
    return jnp.broadcast_to(b.astype(accumulator(xs.dtype)), (len(xs), len(b)))


def _b_n_of_rows(params: GRUParams, xs: Array) -> dict[str, Array]:
    return {"b_n": rows(params.b_n, xs)}


LSTM = Cell(
    LSTMState,
    lambda params, rest: {"w_state": jnp.concatenate([rest, params.w_h])},
    lambda params, xs: {},
    _lstm_step,
    "w_state",
)
GRU = {
    "after": Cell(
        GRUState,
        lambda params, rest: {"w_rest": rest, "w_h": params.w_h},
        _b_n_of_rows,
        _gru_after_step,
        "w_rest",
    ),
    "before": Cell(
        GRUState,
        lambda params, rest: {
            "w_rest": rest,
            "w_gates": params.w_h[:, : -params.w_h.shape[0]],
            "w_candidate": params.w_h[:, -params.w_h.shape[0] :],
        },
        _b_n_of_rows,
        _gru_before_step,
        "w_rest",
    ),
}
PRODUCTS = dict.fromkeys(("w_state", "w_rest", "w_h", "w_gates", "w_candidate"), DENSE)


def cell_of(params: LSTMParams | GRUParams, reset: str) -> Cell:
    """The cell that these parameters are of."""
    if isinstance(params, GRUParams):
        return GRU[reset]
    if reset != "after":
        raise ValueError(f"reset={reset!r} is for a GRU alone; leave it out with an LSTM.")
    return LSTM
