"""A recurrent cell as the public functions see it: its types, and its step by implementation."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

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
from nnarch.kernels.recurrent import layer_norm, reference, step
from nnarch.kernels.recurrent.peephole import PeepholeLSTMStep


def _as_they_are(params: tuple, exact: jnp.dtype) -> tuple:
    return params


class Cell(NamedTuple):
    """What distinguishes one recurrence from another. Hashable: it is static under jit."""

    name: str
    gates: int
    params: type
    state: type
    step: step.Step
    reference_step: Callable
    vectors: tuple[int, ...] = ()  # the parameters after w_x, w_h and b, in units of H
    prepared: Callable = _as_they_are  # the parameters as the fast loop takes them, and its dtype

    def shapes(self, inputs: int, hidden: int) -> tuple:
        """The shapes of the parameters, field by field."""
        width = self.gates * hidden
        dense = (inputs, width), (hidden, width), (width,)
        return dense + tuple((size * hidden,) for size in self.vectors)


ELMAN = Cell("elman", 1, ElmanParams, ElmanState, step.ElmanStep, reference.elman_step)
LSTM = Cell("lstm", 4, LSTMParams, LSTMState, step.LSTMStep, reference.lstm_step)
GRU = {
    "after": Cell("gru", 3, GRUParams, GRUState, step.GRUAfterStep, reference.gru_after_step, (1,)),
    "before": Cell(
        "gru", 3, GRUParams, GRUState, step.GRUBeforeStep, reference.gru_before_step, (1,)
    ),
}
PEEPHOLE_LSTM = Cell(
    "peephole_lstm",
    4,
    PeepholeLSTMParams,
    LSTMState,
    PeepholeLSTMStep,
    reference.peephole_lstm_step,
    (1, 1, 1),
)
LAYER_NORM_LSTM = Cell(
    "layer_norm_lstm",
    4,
    LayerNormLSTMParams,
    LSTMState,
    layer_norm.LayerNormLSTMStep,
    reference.layer_norm_lstm_step,
    (4, 4, 1, 1),
    layer_norm.prepared,
)
