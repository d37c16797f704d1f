"""Connectionist temporal classification: the loss, decoding, alignment."""

from nnarch.kernels.ctc.align import ctc_align
from nnarch.kernels.ctc.api import ctc_loss
from nnarch.kernels.ctc.beam import ctc_beam_search
from nnarch.kernels.ctc.greedy import ctc_greedy
from nnarch.kernels.ctc.prior import CTCPrior

__all__ = ["CTCPrior", "ctc_align", "ctc_beam_search", "ctc_greedy", "ctc_loss"]
