"""Elman, LSTM and GRU layers: each holds the parameters of one kernel and calls it."""

from typing import Literal

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import (
    ElmanParams,
    ElmanState,
    GRUParams,
    GRUState,
    LSTMParams,
    LSTMState,
)


class Elman(nnx.Module):
    """Elman 1990. Parameters as `kernels.init_elman` makes them: w_x, w_h, b."""

    State = ElmanState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_elman(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params)

    @property
    def params(self) -> ElmanParams:
        """The parameters as the kernel takes them."""
        return ElmanParams(self.w_x[...], self.w_h[...], self.b[...])

    def __call__(
        self,
        xs: Array,
        initial: ElmanState | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: ElmanState | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, ElmanState]:
        """Runs `kernels.elman`: xs [B, T, D] to ys [B, T, H] and the last state."""
        return kernels.elman(
            self.params,
            xs,
            initial,
            lengths=lengths,
            reverse=reverse,
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            implementation=implementation,
        )


class LSTM(nnx.Module):
    """Hochreiter & Schmidhuber 1997, Gers 2000. Parameters as `kernels.init_lstm`: w_x, w_h, b."""

    State = LSTMState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_lstm(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params)

    @property
    def params(self) -> LSTMParams:
        """The parameters as the kernel takes them."""
        return LSTMParams(self.w_x[...], self.w_h[...], self.b[...])

    def __call__(
        self,
        xs: Array,
        initial: LSTMState | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: LSTMState | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, LSTMState]:
        """Runs `kernels.lstm`: xs [B, T, D] to ys [B, T, H] and the last state."""
        return kernels.lstm(
            self.params,
            xs,
            initial,
            lengths=lengths,
            reverse=reverse,
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            implementation=implementation,
        )


class GRU(nnx.Module):
    """Cho 2014. Parameters as `kernels.init_gru`: w_x, w_h, b, b_n.

    `reset` says where the reset gate stands: "after" the recurrent product, as cuDNN has it, or
    "before" it, as published.
    """

    State = GRUState

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        key: Array,
        reset: Literal["after", "before"] = "after",
    ):
        params = kernels.init_gru(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b, self.b_n = map(nnx.Param, params)
        self.reset = reset

    @property
    def params(self) -> GRUParams:
        """The parameters as the kernel takes them."""
        return GRUParams(self.w_x[...], self.w_h[...], self.b[...], self.b_n[...])

    def __call__(
        self,
        xs: Array,
        initial: GRUState | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: GRUState | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, GRUState]:
        """Runs `kernels.gru`: xs [B, T, D] to ys [B, T, H] and the last state."""
        return kernels.gru(
            self.params,
            xs,
            initial,
            lengths=lengths,
            reverse=reverse,
            starts=starts,
            recurrent_mask=recurrent_mask,
            zoneout=zoneout,
            reset=self.reset,
            implementation=implementation,
        )
