"""Connectionist temporal classification: the loss, decoding, alignment."""

from nnarch.kernels.ctc.api import ctc_loss

__all__ = ["ctc_loss"]
