"""A recurrent cell as the public functions see it: its types, and its step by implementation."""

from collections.abc import Callable
from typing import NamedTuple

from nnarch.kernels.cells import ElmanParams, ElmanState, GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.recurrent import reference, step


class Cell(NamedTuple):
    """What distinguishes one recurrence from another. Hashable: it is static under jit."""

    name: str
    gates: int
    params: type
    state: type
    step: step.Step
    reference_step: Callable

    def shapes(self, inputs: int, hidden: int) -> tuple:
        """The shapes of the parameters, field by field."""
        dense = (
            (inputs, self.gates * hidden),
            (hidden, self.gates * hidden),
            (self.gates * hidden,),
        )
        return dense + ((hidden,),) * (len(self.params._fields) - len(dense))


ELMAN = Cell("elman", 1, ElmanParams, ElmanState, step.ElmanStep, reference.elman_step)
LSTM = Cell("lstm", 4, LSTMParams, LSTMState, step.LSTMStep, reference.lstm_step)
GRU = {
    "after": Cell("gru", 3, GRUParams, GRUState, step.GRUAfterStep, reference.gru_after_step),
    "before": Cell("gru", 3, GRUParams, GRUState, step.GRUBeforeStep, reference.gru_before_step),
}
