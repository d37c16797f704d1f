"""A cell over time: the public functions, their checks, and one file an implementation."""

from nnarch.kernels.recurrent.api import elman, gru, lstm

__all__ = ["elman", "gru", "lstm"]
