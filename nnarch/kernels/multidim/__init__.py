"""Recurrence in more than one dimension."""

from nnarch.kernels.multidim.grid import (
    GridParams,
    GridState,
    grid_lstm_1d,
    grid_lstm_2d,
    grid_lstm_3d,
    init_grid_lstm,
)
from nnarch.kernels.multidim.mdlstm import mdlstm, mdlstm_directions
from nnarch.kernels.multidim.parameters import MDLSTMParams, init_mdlstm
from nnarch.kernels.multidim.pyramid import PyramidParams, conv_lstm, init_pyramid, pyramid
from nnarch.kernels.multidim.renet import ReNetParams, init_renet, renet

__all__ = [
    "GridParams",
    "GridState",
    "MDLSTMParams",
    "PyramidParams",
    "ReNetParams",
    "conv_lstm",
    "grid_lstm_1d",
    "grid_lstm_2d",
    "grid_lstm_3d",
    "init_grid_lstm",
    "init_mdlstm",
    "init_pyramid",
    "init_renet",
    "mdlstm",
    "mdlstm_directions",
    "pyramid",
    "renet",
]
