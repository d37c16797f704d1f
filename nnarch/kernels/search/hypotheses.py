"""The best sequences that a search has found so far."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.largest import largest


class Hypotheses(NamedTuple):
    """The best of each row, best first; N is `best`, L is `max_length`."""

    tokens: Array  # [B, N, L] int32, zero past the length
    lengths: Array  # [B, N] int32, the end token counted; 0 where there is no hypothesis
    scores: Array  # [B, N] float32; -inf where there is no hypothesis
    log_probs: Array  # [B, N] float32, log p, of which the score is made
    finished: Array  # [B, N] bool; False where max_length cut it, which ranks behind all finished


def no_hypotheses(rows: int, best: int, max_length: int) -> Hypotheses:
    """What a search begins with."""
    nothing = jnp.full((rows, best), -jnp.inf)
    return Hypotheses(
        tokens=jnp.zeros((rows, best, max_length), jnp.int32),
        lengths=jnp.zeros((rows, best), jnp.int32),
        scores=nothing,
        log_probs=nothing,
        finished=jnp.zeros((rows, best), bool),
    )


def merge(done: Hypotheses, ended: Hypotheses) -> Hypotheses:
    """As many of both as `done` has, the best; of equal ones those of `done`."""
    # top_k gives equal scores in order, so those found before stay in front.
    both = _side_by_side(done, ended)
    _, kept = largest(both.scores, done.scores.shape[1])
    merged = _take(both, kept)
    exists = merged.finished[..., None]
    return merged._replace(tokens=jnp.where(exists, merged.tokens, 0))


def fill(done: Hypotheses, cut: Hypotheses) -> Hypotheses:
    """Puts the best of those that max_length cut where `done` has no finished one."""
    best = done.scores.shape[1]
    _, order = largest(cut.scores, best)
    place = jnp.arange(best)
    taken = jnp.sum(done.finished, axis=1, keepdims=True)
    source = jnp.where(place < taken, place, best + place - taken)
    return _take(_side_by_side(done, _take(cut, order)), source)


def rows_of(field: Array, index: Array) -> Array:
    """field [B, N, ...] at index [B, M] gives [B, M, ...]."""
    return jnp.take_along_axis(field, index.reshape(*index.shape, *(1,) * (field.ndim - 2)), axis=1)


def _side_by_side(left: Hypotheses, right: Hypotheses) -> Hypotheses:
    return Hypotheses(*(jnp.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)))


def _take(hypotheses: Hypotheses, index: Array) -> Hypotheses:
    return Hypotheses(*(rows_of(field, index) for field in hypotheses))
