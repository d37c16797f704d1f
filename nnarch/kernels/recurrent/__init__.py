"""A cell over time: the public functions, their checks, and one file an implementation."""

from nnarch.kernels.recurrent.api import elman, gru, lstm
from nnarch.kernels.recurrent.masks import recurrent_dropout_mask, zoneout_mask
from nnarch.kernels.recurrent.variants import layer_norm_lstm, peephole_lstm

__all__ = [
    "elman",
    "gru",
    "layer_norm_lstm",
    "lstm",
    "peephole_lstm",
    "recurrent_dropout_mask",
    "zoneout_mask",
]
