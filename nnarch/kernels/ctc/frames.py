"""Frames scored against their best class: what decoding and alignment read."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.ctc.normaliser import normaliser_of
from nnarch.kernels.dtypes import accumulator


class Frames(NamedTuple):
    """Log-probabilities in two parts, of which one is common to all that a search compares."""

    scores: Array  # [..., V], each class's log-probability less that of the frame's best class
    best: Array  # [...], the log-probability of the best class


def frames(logits: Array, valid: Array, blank: int) -> Frames:
    """logits [..., V], valid [...] -> Frames, in float32 (float64 if the logits are).

    In padding the blank is certain, so that it changes no score. A frame that no class can emit has
    -inf throughout; one with NaN or +inf has NaN as its best, and makes what it is added to NaN.
    """
    certain = jnp.where(jnp.arange(logits.shape[-1]) == blank, 0, -jnp.inf)
    logits = logits.astype(accumulator(logits.dtype))
    logits = jnp.where(valid[..., None], logits, certain.astype(logits.dtype))
    largest, log_total = normaliser_of(logits)
    scores = logits - largest[..., None]
    empty = jnp.all(scores == -jnp.inf, axis=-1)
    return Frames(scores, jnp.where(empty, -jnp.inf, -log_total))
