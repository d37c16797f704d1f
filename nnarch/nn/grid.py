"""Grid LSTMs of one and two dimensions: each holds the parameters of one kernel and calls it."""

from typing import Literal

from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import GridParams, GridState

Kind = Literal["lstm", "tanh", "relu"]


class _Grid(nnx.Module):
    """Parameters as `kernels.init_grid_lstm` makes them: w_0, b_0 of the first dimension, ..."""

    def __init__(
        self, hidden_size: int, layers: int, dimensions: tuple[Kind, ...], *, tied: bool, key: Array
    ):
        params = kernels.init_grid_lstm(
            key, hidden_size, dimensions=dimensions, layers=None if tied else layers
        )
        for place, (w, b) in enumerate(zip(*params, strict=True)):
            setattr(self, f"w_{place}", nnx.Param(w))
            setattr(self, f"b_{place}", nnx.Param(b))
        self.dimensions, self.layers = dimensions, layers

    @property
    def params(self) -> GridParams:
        """The parameters as the kernel takes them."""
        places = range(len(self.dimensions))
        return GridParams(
            tuple(getattr(self, f"w_{place}")[...] for place in places),
            tuple(getattr(self, f"b_{place}")[...] for place in places),
        )


class GridLSTM1D(_Grid):
    """Kalchbrenner et al. 2015: an LSTM along depth alone.

    Args:
      hidden_size: units.
      layers: how many.
      dimensions: ("lstm",), or ("tanh",) or ("relu",) for a plain feed-forward net.
      tied: whether all layers share their weights.
      key: a typed key for the initial weights.
    """

    def __init__(
        self,
        hidden_size: int,
        layers: int,
        dimensions: tuple[Kind] = ("lstm",),
        *,
        tied: bool = True,
        key: Array,
    ):
        super().__init__(hidden_size, layers, dimensions, tied=tied, key=key)

    def __call__(self, initial: GridState, *, implementation: str | None = None) -> GridState:
        """Runs `kernels.grid_lstm_1d`: h and m [B, H] to those that leave the last layer."""
        return kernels.grid_lstm_1d(
            self.params,
            initial,
            layers=self.layers,
            dimensions=self.dimensions,
            implementation=implementation,
        )


class GridLSTM2D(_Grid):
    """Kalchbrenner et al. 2015: LSTMs along time and along depth.

    Args:
      hidden_size: units of each dimension.
      layers: how many.
      dimensions: what time and depth are.
      tied: whether all layers share their weights.
      priority: a dimension that is computed last, and sees what the other one gives.
      key: a typed key for the initial weights.
    """

    def __init__(
        self,
        hidden_size: int,
        layers: int,
        dimensions: tuple[Kind, Kind] = ("lstm", "lstm"),
        *,
        tied: bool = True,
        priority: int | None = None,
        key: Array,
    ):
        super().__init__(hidden_size, layers, dimensions, tied=tied, key=key)
        self.priority = priority

    def __call__(
        self,
        xs: GridState,
        initial: GridState | None = None,
        *,
        lengths: Array | None = None,
        implementation: str | None = None,
    ) -> tuple[GridState, GridState]:
        """Runs `kernels.grid_lstm_2d`: h and m [B, T, H] to those that leave the last layer, and
        every layer's last state.
        """
        return kernels.grid_lstm_2d(
            self.params,
            xs,
            initial,
            lengths=lengths,
            layers=self.layers,
            dimensions=self.dimensions,
            priority=self.priority,
            implementation=implementation,
        )
