"""Sequences from any step function: the likeliest ones by beam search, or ones drawn at random."""

from nnarch.kernels.search.beam import beam_search
from nnarch.kernels.search.hypotheses import Hypotheses
from nnarch.kernels.search.sampling import Samples, sample_sequences

__all__ = ["Hypotheses", "Samples", "beam_search", "sample_sequences"]
