"""Elman, LSTM and GRU layers: each holds the parameters of one kernel and calls it."""

from collections.abc import Callable
from functools import partial
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


class Recurrent(nnx.Module):
    """What these layers have in common. A subclass has State, `params` and `kernel`."""

    @property
    def kernel(self) -> Callable[..., tuple[Array, tuple]]:
        """The function that a call runs."""
        raise NotImplementedError

    def __call__(
        self,
        xs: Array,
        initial: tuple | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
        starts: Array | None = None,
        recurrent_mask: Array | None = None,
        zoneout: tuple | None = None,
        implementation: str | None = None,
    ) -> tuple[Array, tuple]:
        """Runs the kernel: xs [B, T, D] to ys [B, T, H] and the last state, a State as `initial`
        and `zoneout` are.
        """
        return self.kernel(
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


class Elman(Recurrent):
    """Elman 1990. Parameters as `kernels.init_elman` makes them: w_x, w_h, b."""

    State = ElmanState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_elman(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params)

    @property
    def params(self) -> ElmanParams:
        """The parameters as the kernel takes them."""
        return ElmanParams(self.w_x[...], self.w_h[...], self.b[...])

    @property
    def kernel(self) -> Callable[..., tuple[Array, tuple]]:
        """The function that a call runs."""
        return kernels.elman


class LSTM(Recurrent):
    """Hochreiter & Schmidhuber 1997, Gers 2000. Parameters as `kernels.init_lstm`: w_x, w_h, b."""

    State = LSTMState

    def __init__(self, input_size: int, hidden_size: int, *, key: Array):
        params = kernels.init_lstm(key, input_size, hidden_size)
        self.w_x, self.w_h, self.b = map(nnx.Param, params)

    @property
    def params(self) -> LSTMParams:
        """The parameters as the kernel takes them."""
        return LSTMParams(self.w_x[...], self.w_h[...], self.b[...])

    @property
    def kernel(self) -> Callable[..., tuple[Array, tuple]]:
        """The function that a call runs."""
        return kernels.lstm


class GRU(Recurrent):
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

    @property
    def kernel(self) -> Callable[..., tuple[Array, tuple]]:
        """The function that a call runs."""
        return partial(kernels.gru, reset=self.reset)
