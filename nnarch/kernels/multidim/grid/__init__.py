"""Grid LSTM: recurrence along any number of dimensions, depth among them."""

from nnarch.kernels.multidim.grid.grid_lstm import grid_lstm_1d, grid_lstm_2d, grid_lstm_3d
from nnarch.kernels.multidim.grid.parameters import GridParams, GridState, init_grid_lstm

__all__ = [
    "GridParams",
    "GridState",
    "grid_lstm_1d",
    "grid_lstm_2d",
    "grid_lstm_3d",
    "init_grid_lstm",
]
