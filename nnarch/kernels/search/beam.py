"""Beam search over any step function, a batch at a time, in one loop.

A hypothesis Y ends with the end token, which counts in its length |Y|, and scores

    score(Y) = log p(Y) / lp(|Y|) + cp(Y),    lp(n) = ((5 + n) / 6) ** alpha,    alpha >= 0

with cp(Y) <= 0 as `coverage` has it, 0 unless it is asked for.

Source: Wu et al. 2016, "Google's neural machine translation system", equation 14.

When a row may stop. Let a live beam have log p = l after n tokens. Whatever ends it only lowers
its log p, so a finished hypothesis of length m > n scores at most l / lp(m). As l <= 0 and lp does
not fall, that is at most l / lp(N), N the longest length allowed: the bound of that beam. Once the
worst hypothesis that would be returned scores no less than the bound of the best live beam, nothing
that is still to come can displace it, and a later one of equal score ranks behind. Rounding keeps
this true: a sum of numbers <= 0 and a quotient by a larger lp are monotone in float32 too. It
follows that a row's answer does not depend on how long the other rows keep the loop running.

What the state holds and no step changes, such as the source that is attended to, is alike in all
beams of a row: it stays where it is when beams change places.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.explicit_axes import automatic, rows_of_mesh
from nnarch.kernels.largest import largest
from nnarch.kernels.search.check import (
    batch_size,
    check_beam,
    check_coverage,
    check_logits,
    check_tokens,
)
from nnarch.kernels.search.coverage import coverage_term
from nnarch.kernels.search.distribution import token_log_probs
from nnarch.kernels.search.hypotheses import Hypotheses, fill, merge, no_hypotheses, rows_of
from nnarch.kernels.varying import varying_alike

Step = Callable[[Any, Array], tuple[Array, Any]]
Attended = Callable[[Any], tuple[Array, Array]]
Score = Callable[[Array, Array, Array | int], Array]  # of log p, what is covered, and a length


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
    coverage_penalty: float = 0.0,
    attended: Attended | None = None,
) -> Hypotheses:
    """Finds likely token sequences for every row of a batch.

    Each round keeps the `beam` most likely continuations of all live beams; those among them that
    end are finished, and the best that do not end take their places. With beam=1 and no penalties
    this is greedy decoding; with a beam as wide as all prefixes it is exhaustive.
    Ties go to the hypothesis found first, then to the better beam, then to the lower token.

    Call it under jit, with what `step` closes over as arguments of the jitted function; called
    eagerly, it compiles its loop anew each time.

    Args:
      step: (state, tokens int32 [R]) to (logits [R, V], state): reads each row's newest token and
        scores the next; normalised here, in float32; NaN counts as -inf, +inf as the largest
        number. R is B * beam, a row's beams side by side.
      state: the state before the first token; every leaf has the batch as first axis.
      start: the token read first; no part of what is returned.
      end: the token that finishes a hypothesis.
      max_length: tokens of the longest hypothesis, the end token counted.
      beam: live hypotheses a row.
      best: hypotheses returned a row, at most `beam`.
      length_penalty: alpha; 0 ranks by log p, more favours longer ones.
      coverage_penalty: beta; 0 ranks without regard to what was attended to.
      attended: of a state, the shares [R, S] that the step before gave to each place of the source,
        and which places are valid, bool [R, S]. Needed where coverage_penalty is above 0.

    Returns:
      Hypotheses, the best `best` of each row.

    Raises:
      ValueError: an option is out of range, the state has no common batch axis, or logits are not
        [R, V] with V > end.
    """
    rows = batch_size("beam_search", state)
    check_tokens(start, end)
    check_beam(max_length, beam, best, length_penalty)
    check_coverage(coverage_penalty, attended)
    attended = attended if coverage_penalty else _nothing_attended
    _, valid = attended(state)

    def penalty(n):
        return ((5.0 + jnp.float32(n)) / 6.0) ** length_penalty

    def score(valid, log_probs, covered, n):
        return log_probs / penalty(n) + coverage_term(covered, valid, coverage_penalty)

    def goes_on(search):
        bound = jnp.max(search.live.log_probs, axis=1) / penalty(max_length)
        may_change = search.done.scores[:, -1] < bound
        return (search.n < max_length) & jnp.any(may_change)

    def first(state, valid):
        live = _one_live_beam(state, valid, rows, start, beam, max_length)
        return live, no_hypotheses(rows, best, max_length)

    def extend(search):
        before = search.live.state
        logits, state = step(before, search.live.last)
        check_logits(logits, rows * beam, end)
        live = search.live._replace(state=_changed(before, state))
        read = search._replace(live=live), logits, attended(state)[0], valid
        live, done = on_rows(chosen)(*read)
        return _Search(search.n + 1, live._replace(state=_filled_up(before, live.state)), done)

    def chosen(search, logits, shares, valid):
        n, live, done = search
        candidates = _continuations(live, logits, shares, n)
        ended = _ended(candidates, partial(score, valid), n + 1, beam, end)
        return _unended(candidates, live, end), merge(done, ended)

    def last(live, done, valid):
        # A row that stopped before has either no empty place or no live beam.
        return fill(done, _cut(live, partial(score, valid), max_length))

    # What step closes over may lie on explicit axes, so it is called outside.
    on_rows = partial(automatic, rows=rows_of_mesh(state))
    search = varying_alike(_Search(jnp.int32(0), *on_rows(first)(state, valid)))
    search = lax.while_loop(goes_on, extend, search)
    return on_rows(last)(search.live._replace(state=()), search.done, valid)


def _nothing_attended(state: Any) -> tuple[Array, Array]:
    rows = len(jax.tree.leaves(state)[0])
    return jnp.zeros((rows, 0), jnp.float32), jnp.zeros((rows, 0), bool)


class _Live(NamedTuple):
    """Beams that have not ended, the likeliest first; -inf marks one that does not exist."""

    tokens: Array  # [B, W, L] int32
    log_probs: Array  # [B, W] float32
    last: Array  # [B * W] int32, the newest token
    covered: Array  # [B, W, S] float32, the sum of the shares that each place has had
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
    covered: Array  # [B, K, S] float32


def _one_live_beam(
    state: Any, valid: Array, rows: int, start: int, beam: int, max_length: int
) -> _Live:
    # All beams of a row begin alike: only the first counts, or each would be found `beam` times.
    return _Live(
        tokens=jnp.zeros((rows, beam, max_length), jnp.int32),
        log_probs=jnp.full((rows, beam), -jnp.inf).at[:, 0].set(0.0),
        last=jnp.full(rows * beam, start, jnp.int32),
        covered=jnp.zeros((rows, beam, valid.shape[1]), jnp.float32),
        state=jax.tree.map(lambda leaf: jnp.repeat(leaf, beam, axis=0), state),
    )


def _changed(before: Any, after: Any) -> Any:
    """What a step changed of a state; None where it returned what it was given."""
    return jax.tree.map(lambda old, new: None if new is old else new, before, after)


def _filled_up(before: Any, changed: Any) -> Any:
    return jax.tree.map(lambda old, new: old if new is None else new, before, changed)


def _continuations(live: _Live, logits: Array, shares: Array, n: Array) -> _Candidates:
    rows, beam = live.log_probs.shape
    words = logits.shape[-1]
    totals = live.log_probs[..., None] + token_log_probs(logits).reshape(rows, beam, words)
    # At most `beam` of the best 2 * beam can end, one a live beam, so enough live ones are left.
    count = min(2 * beam, beam * words)
    log_probs, flat = largest(totals.reshape(rows, beam * words), count)
    parents, last = flat // words, flat % words
    tokens = rows_of(live.tokens, parents).at[:, :, n].set(last)
    covered = live.covered + shares.astype(live.covered.dtype).reshape(live.covered.shape)
    return _Candidates(tokens, log_probs, last, parents, rows_of(covered, parents))


def _ended(candidates: _Candidates, score: Score, length: Array, beam: int, end: int) -> Hypotheses:
    # Beyond the first `beam` an end is not a beam's choice; taking it would undo beam=1 = greedy.
    tokens, log_probs, last, _, covered = (field[:, :beam] for field in candidates)
    finished = (last == end) & (log_probs > -jnp.inf)
    return Hypotheses(
        tokens=tokens,
        lengths=jnp.where(finished, length, 0),
        scores=jnp.where(finished, score(log_probs, covered, length), -jnp.inf),
        log_probs=jnp.where(finished, log_probs, -jnp.inf),
        finished=finished,
    )


def _unended(candidates: _Candidates, before: _Live, end: int) -> _Live:
    beam = before.log_probs.shape[1]
    log_probs = jnp.where(candidates.last == end, -jnp.inf, candidates.log_probs)
    log_probs, kept = largest(log_probs, beam)
    parents = rows_of(candidates.parents, kept)
    rows = (jnp.arange(len(parents))[:, None] * beam + parents).reshape(parents.size)
    return _Live(
        tokens=rows_of(candidates.tokens, kept),
        log_probs=log_probs,
        last=rows_of(candidates.last, kept).reshape(-1),
        covered=rows_of(candidates.covered, kept),
        state=jax.tree.map(lambda leaf: leaf[rows], before.state),
    )


def _cut(live: _Live, score: Score, max_length: int) -> Hypotheses:
    """The live beams that max_length cut, as hypotheses."""
    exists = live.log_probs > -jnp.inf
    return Hypotheses(
        tokens=jnp.where(exists[..., None], live.tokens, 0),
        lengths=jnp.where(exists, max_length, 0),
        scores=score(live.log_probs, live.covered, max_length),
        log_probs=live.log_probs,
        finished=jnp.zeros_like(exists),
    )
