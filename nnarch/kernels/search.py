"""Beam search over any step function, a batch at a time, in one loop.

A hypothesis Y ends with the end token, which counts in its length |Y|, and scores

    score(Y) = log p(Y) / lp(|Y|),    lp(n) = ((5 + n) / 6) ** alpha,    alpha >= 0

Source: Wu et al. 2016, "Google's neural machine translation system", equation 14.

When a row may stop. Let a live beam have log p = l after n tokens. Whatever ends it only lowers
its log p, so a finished hypothesis of length m > n scores at most l / lp(m). As l <= 0 and lp does
not fall, that is at most l / lp(N), N the longest length allowed: the bound of that beam. Once the
worst hypothesis that would be returned scores no less than the bound of the best live beam, nothing
that is still to come can displace it, and a later one of equal score ranks behind. Rounding keeps
this true: a sum of numbers <= 0 and a quotient by a larger lp are monotone in float32 too. It
follows that a row's answer does not depend on how long the other rows keep the loop running.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

Step = Callable[[Any, Array], tuple[Array, Any]]


class Hypotheses(NamedTuple):
    """The best of each row, best first; N is `best`, L is `max_length`."""

    tokens: Array  # [B, N, L] int32, zero past the length
    lengths: Array  # [B, N] int32, the end token counted; 0 where there is no hypothesis
    scores: Array  # [B, N] float32; -inf where there is no hypothesis
    log_probs: Array  # [B, N] float32, the score before the length penalty
    finished: Array  # [B, N] bool; False where max_length cut it, which ranks behind all finished


def beam_search(
    step: Step,
    state: Any,
    *,
    start: int,
    end: int,
    max_length: int,
    beam: int = 3,
    best: int = 1,
    length_penalty: float = 0.0,
) -> Hypotheses:
    """Finds likely token sequences for every row of a batch.

    Each round keeps the `beam` most likely continuations of all live beams; those among them that
    end are finished, and the best that do not end take their places. With beam=1 and no length
    penalty this is greedy decoding; with a beam as wide as all prefixes it is exhaustive.
    Ties go to the hypothesis found first, then to the better beam, then to the lower token.

    Call it under jit, with what `step` closes over as arguments of the jitted function; called
    eagerly, it compiles its loop anew each time.

    Args:
      step: (state, tokens int32 [R]) to (logits [R, V], state): reads each row's newest token and
        scores the next; normalised here, in float32; NaN counts as -inf. R is B * beam, a row's
        beams side by side.
      state: the state before the first token; every leaf has the batch as first axis.
      start: the token read first; no part of what is returned.
      end: the token that finishes a hypothesis.
      max_length: tokens of the longest hypothesis, the end token counted.
      beam: live hypotheses a row.
      best: hypotheses returned a row, at most `beam`.
      length_penalty: alpha; 0 ranks by log p, more favours longer ones.

    Returns:
      Hypotheses, the best `best` of each row.

    Raises:
      ValueError: an option is out of range, the state has no common batch axis, or logits are not
        [R, V] with V > end.
    """
    rows = _batch_size(state)
    _check_options(start, end, max_length, beam, best, length_penalty)

    def penalty(n):
        return ((5.0 + n) / 6.0) ** length_penalty

    def goes_on(search):
        bound = jnp.max(search.live.log_probs, axis=1) / penalty(max_length)
        may_change = search.done.scores[:, -1] < bound
        return (search.n < max_length) & jnp.any(may_change)

    def extend(search):
        n, live, done = search
        candidates, state = _continuations(step, live, n, end)
        ended = _ended(candidates, n + 1, penalty(n + 1), beam, end)
        return _Search(n + 1, _unended(candidates, state, beam, end), _merge(done, ended))

    live = _one_live_beam(state, rows, start, beam, max_length)
    search = _Search(jnp.int32(0), live, _no_hypotheses(rows, best, max_length))
    search = lax.while_loop(goes_on, extend, search)
    return _with_cut_ones(search.done, search.live, max_length, penalty(max_length))


class _Live(NamedTuple):
    """Beams that have not ended, the likeliest first; -inf marks one that does not exist."""

    tokens: Array  # [B, W, L] int32
    log_probs: Array  # [B, W] float32
    last: Array  # [B, W] int32, the newest token
    state: Any  # what step returned, leading axis B * W


class _Search(NamedTuple):
    n: Array  # [] int32, tokens of every live beam
    live: _Live
    done: Hypotheses


class _Candidates(NamedTuple):
    """The likeliest continuations of a row's live beams, the likeliest first."""

    tokens: Array  # [B, K, L] int32
    log_probs: Array  # [B, K] float32
    last: Array  # [B, K] int32
    parents: Array  # [B, K] int32, the beam it continues


def _one_live_beam(state: Any, rows: int, start: int, beam: int, max_length: int) -> _Live:
    # All beams of a row begin alike: only the first counts, or each would be found `beam` times.
    return _Live(
        tokens=jnp.zeros((rows, beam, max_length), jnp.int32),
        log_probs=jnp.full((rows, beam), -jnp.inf).at[:, 0].set(0.0),
        last=jnp.full((rows, beam), start, jnp.int32),
        state=jax.tree.map(lambda leaf: jnp.repeat(leaf, beam, axis=0), state),
    )


def _no_hypotheses(rows: int, best: int, max_length: int) -> Hypotheses:
    nothing = jnp.full((rows, best), -jnp.inf)
    return Hypotheses(
        tokens=jnp.zeros((rows, best, max_length), jnp.int32),
        lengths=jnp.zeros((rows, best), jnp.int32),
        scores=nothing,
        log_probs=nothing,
        finished=jnp.zeros((rows, best), bool),
    )


def _continuations(step: Step, live: _Live, n: Array, end: int) -> tuple[_Candidates, Any]:
    rows, beam = live.log_probs.shape
    logits, state = step(live.state, live.last.reshape(-1))
    _check_logits(logits, rows * beam, end)
    words = logits.shape[-1]
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    log_probs = jnp.where(jnp.isnan(log_probs), -jnp.inf, log_probs)
    totals = live.log_probs[..., None] + log_probs.reshape(rows, beam, words)
    # At most `beam` of the best 2 * beam can end, one a live beam, so enough live ones are left.
    count = min(2 * beam, beam * words)
    log_probs, flat = lax.top_k(totals.reshape(rows, -1), count)
    parents, last = flat // words, flat % words
    tokens = _rows_of(live.tokens, parents).at[:, :, n].set(last)
    return _Candidates(tokens, log_probs, last, parents), state


def _ended(
    candidates: _Candidates, length: Array, penalty: Array, beam: int, end: int
) -> Hypotheses:
    # Beyond the first `beam` an end is not a beam's choice; taking it would undo beam=1 = greedy.
    tokens, log_probs, last, _ = (field[:, :beam] for field in candidates)
    finished = (last == end) & (log_probs > -jnp.inf)
    return Hypotheses(
        tokens=tokens,
        lengths=jnp.where(finished, length, 0),
        scores=jnp.where(finished, log_probs / penalty, -jnp.inf),
        log_probs=jnp.where(finished, log_probs, -jnp.inf),
        finished=finished,
    )


def _unended(candidates: _Candidates, state: Any, beam: int, end: int) -> _Live:
    log_probs = jnp.where(candidates.last == end, -jnp.inf, candidates.log_probs)
    log_probs, kept = lax.top_k(log_probs, beam)
    parents = _rows_of(candidates.parents, kept)
    rows = jnp.arange(len(parents))[:, None] * beam + parents
    return _Live(
        tokens=_rows_of(candidates.tokens, kept),
        log_probs=log_probs,
        last=_rows_of(candidates.last, kept),
        state=jax.tree.map(lambda leaf: leaf[rows.reshape(-1)], state),
    )


def _merge(done: Hypotheses, ended: Hypotheses) -> Hypotheses:
    # top_k gives equal scores in order, so those found before stay in front.
    both = Hypotheses(*(jnp.concatenate(pair, axis=1) for pair in zip(done, ended, strict=True)))
    _, kept = lax.top_k(both.scores, done.scores.shape[1])
    merged = Hypotheses(*(_rows_of(field, kept) for field in both))
    exists = merged.finished[..., None]
    return merged._replace(tokens=jnp.where(exists, merged.tokens, 0))


def _with_cut_ones(done: Hypotheses, live: _Live, max_length: int, penalty: Array) -> Hypotheses:
    """Fills what no finished hypothesis takes with the live beams that max_length cut.

    A row that stopped before has either no empty place or no live beam.
    """
    exists = live.log_probs > -jnp.inf
    cut = Hypotheses(
        tokens=jnp.where(exists[..., None], live.tokens, 0),
        lengths=jnp.where(exists, max_length, 0),
        scores=live.log_probs / penalty,
        log_probs=live.log_probs,
        finished=jnp.zeros_like(exists),
    )
    best = done.scores.shape[1]
    place = jnp.arange(best)
    taken = jnp.sum(done.finished, axis=1, keepdims=True)
    source = jnp.where(place < taken, place, best + place - taken)
    both = zip(done, cut, strict=True)
    return Hypotheses(*(_rows_of(jnp.concatenate(pair, axis=1), source) for pair in both))


def _rows_of(field: Array, index: Array) -> Array:
    """field [B, N, ...] at index [B, M] gives [B, M, ...]."""
    return jnp.take_along_axis(field, index.reshape(*index.shape, *(1,) * (field.ndim - 2)), axis=1)


def _batch_size(state: Any) -> int:
    shapes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(state)}
    if len(shapes) != 1 or () in shapes:
        raise ValueError(
            "beam_search expects a state whose every leaf has the batch as its first axis; got "
            f"first axes {sorted(shapes)}. Let step close over what all rows share."
        )
    return shapes.pop()[0]


def _check_options(
    start: int, end: int, max_length: int, beam: int, best: int, length_penalty: float
) -> None:
    if min(start, end) < 0:
        raise ValueError(f"start and end are tokens, 0 or more; got {start} and {end}.")
    if max_length < 1 or not 1 <= best <= beam:
        raise ValueError(
            "beam_search expects max_length >= 1 and 1 <= best <= beam; got "
            f"max_length={max_length}, best={best}, beam={beam}."
        )
    if not length_penalty >= 0:
        raise ValueError(
            f"length_penalty is an exponent alpha >= 0; got {length_penalty}. "
            "Below 0 a search could never stop early."
        )


def _check_logits(logits: Array, rows: int, end: int) -> None:
    if logits.ndim != 2 or logits.shape[0] != rows or logits.shape[1] <= end:
        raise ValueError(
            f"step has to return logits [{rows}, V] with V above the end token {end}; "
            f"got {logits.shape}."
        )
