"""CTC alignment: the likeliest path that reads as given labels, by Viterbi's recursion."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.ctc.check import check_call
from nnarch.kernels.ctc.frames import frames
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.varying import varying_alike


@rows_as("logits")
def ctc_align(
    logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, *, blank: int = 0
) -> tuple[Array, Array]:
    """Finds the likeliest alignment of each row's labels with its frames.

    With the labels y[1..L] and a blank before, between and after them, the states of a path are
    2 L + 1, and the best path to state s at frame t scores

        v[t, s] = log p[t, s] + max(v[t - 1, s], v[t - 1, s - 1], v[t - 1, s - 2])

    where the last term stands only at labels that differ from the label before. Scores are kept as
    unevaluated sums of two floats, so that no digit of a sum of thousands is lost where two paths
    are compared, and log_prob is summed along the path that was found.

    Ties: a state is preferably reached from itself, then from the one before it, and a path ends in
    the last blank. So, of alignments that tie, labels come as early as they can.

    Args:
      logits: [B, T, V], unnormalised, any float; right-padded. Padding may hold anything.
      logit_lengths: int32 [B], valid frames of each row.
      labels: int32 [B, L], right-padded; classes other than the blank. Padding may hold anything.
      label_lengths: int32 [B], valid labels of each row.
      blank: the class of the blank, from 0 to V - 1.

    Lists and NumPy arrays of lengths and labels are checked. Those on a device cost no transfer:
    lengths are clipped, and a row with an impossible label counts as one that cannot be aligned.

    Returns:
      frames int32 [B, T], the label or the blank that each frame emits, the blank past a row's
      length; log_prob [B] float32 (float64 if the logits are), whose gradient is that of the path
      found. Where the labels cannot be aligned (fewer frames than labels and repeats, or a
      probability of 0) frames are all blank and log_prob is -inf; NaN where a valid logit is NaN or
      +inf.

    Raises:
      ValueError: a shape, dtype, length, label or the blank does not fit.

    Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist temporal classification",
    equations 6 and 7 with a maximum for the sum; Viterbi 1967.
    """
    logits, *integers = check_call(
        "ctc_align", logits, logit_lengths, blank, labels=labels, label_lengths=label_lengths
    )
    return _align(logits, *integers, blank=int(blank))


class _States(NamedTuple):
    """Blank, label, blank, ..., label, blank: S = 2 L + 1 of them."""

    classes: Array  # [B, S] int32, the class that each emits
    live: Array  # [B, S] bool; False at labels that are none, and past the row's labels
    skip: Array  # [B, S] bool, a label that may follow the one before it without a blank
    end: Array  # [B] int32, the last blank


class _Score(NamedTuple):
    """high + low, where high is that sum rounded: twice the digits of one float."""

    high: Array
    low: Array


@partial(jax.jit, static_argnames="blank")
def _align(logits, logit_lengths, labels, label_lengths, *, blank: int) -> tuple[Array, Array]:
    logits, logit_lengths, labels, label_lengths = varying_alike(
        (logits, logit_lengths, labels, label_lengths)
    )
    # The blank is certain in padding, so that every path ends there in the last blank.
    scores, best = frames(logits, valid_steps(logit_lengths, logits.shape[1]), blank)
    states = _states(labels, label_lengths, logits.shape[2], blank)
    path, exists = _likeliest_path(lax.stop_gradient(scores), states)
    path = jnp.where(exists[:, None], path, blank)
    chosen = jnp.take_along_axis(scores, path[..., None], axis=2, mode="clip")[..., 0]
    log_prob = jnp.sum(jnp.where(exists[:, None], chosen, 0), axis=1) + jnp.sum(best, axis=1)
    return path, jnp.where(exists | jnp.isnan(log_prob), log_prob, -jnp.inf)


def _states(labels: Array, lengths: Array, classes: int, blank: int) -> _States:
    known = (labels >= 0) & (labels < classes) & (labels != blank)
    known &= valid_steps(lengths, labels.shape[1])
    labels = jnp.where(known, labels, blank)
    repeats = labels == jnp.pad(labels, ((0, 0), (1, 0)), constant_values=blank)[:, :-1]
    blanks = jnp.full_like(labels, blank, shape=(labels.shape[0], labels.shape[1] + 1))
    first = jnp.arange(labels.shape[1]) == 0
    return _States(
        classes=_interleaved(blanks, labels),
        live=_interleaved(jnp.ones_like(blanks, bool), known),
        skip=_interleaved(jnp.zeros_like(blanks, bool), known & ~repeats & ~first),
        end=2 * lengths,
    )


def _interleaved(blanks: Array, labels: Array) -> Array:
    """[B, L + 1] and [B, L] -> [B, 2 L + 1]."""
    labels = jnp.pad(labels, ((0, 0), (0, 1)))
    both = jnp.stack([blanks, labels], axis=2)
    return both.reshape(len(both), 2 * labels.shape[1])[:, :-1]


def _likeliest_path(scores: Array, states: _States) -> tuple[Array, Array]:
    """scores [B, T, V] -> the classes of the path [B, T], and whether there is one [B]."""

    def step(score, frame):
        return _step(score, frame, states)

    def back(state, moves):
        move = jnp.take_along_axis(moves, state[:, None], axis=1, mode="clip")[:, 0]
        return state - move.astype(jnp.int32), state

    score, moves = lax.scan(step, _start(scores, states), jnp.swapaxes(scores, 0, 1))
    end, exists = _end(score, states)
    _, visited = lax.scan(back, end, moves, reverse=True)
    return jnp.take_along_axis(states.classes, visited.T, axis=1, mode="clip"), exists


def _start(scores: Array, states: _States) -> _Score:
    """Before the first frame stands the first blank: it leads to itself and to the first label."""
    number = jnp.arange(states.classes.shape[1])
    high = jnp.where((number == 0) & states.live, 0, -jnp.inf).astype(scores.dtype)
    return _Score(high, jnp.zeros_like(high))


def _step(score: _Score, frame: Array, states: _States) -> tuple[_Score, Array]:
    """frame [B, V] -> the scores after it, and the moves that lead to them, int8 [B, S]."""
    before, skipped = _shifted(score, 1), _shifted(score, 2)
    skipped = skipped._replace(high=jnp.where(states.skip, skipped.high, -jnp.inf))
    emission = jnp.take_along_axis(frame, states.classes, axis=1, mode="clip")
    emission = jnp.where(states.live, emission, -jnp.inf)
    moved, move = _larger(score, jnp.int8(0), before, jnp.int8(1))
    moved, move = _larger(moved, move, skipped, jnp.int8(2))
    return _sum(moved, emission), move


def _shifted(score: _Score, by: int) -> _Score:
    def shifted(part, fill):
        return jnp.pad(part, ((0, 0), (by, 0)), constant_values=fill)[:, : part.shape[1]]

    return _Score(shifted(score.high, -jnp.inf), shifted(score.low, 0))


def _larger(a: _Score, move_a: Array, b: _Score, move_b: Array) -> tuple[_Score, Array]:
    """The larger score and its move; the first if they tie."""
    second = (b.high > a.high) | ((b.high == a.high) & (b.low > a.low))
    return jax.tree.map(lambda x, y: jnp.where(second, y, x), (a, move_a), (b, move_b))


def _sum(score: _Score, x: Array) -> _Score:
    """Knuth's sum of two floats with its error, then high and low parted anew."""
    high = score.high + x
    added = high - score.high
    low = score.low + ((score.high - (high - added)) + (x - added))
    total = high + low
    low = low - (total - high)
    dead = high == -jnp.inf
    return _Score(jnp.where(dead, -jnp.inf, total), jnp.where(dead, 0, low))


def _end(score: _Score, states: _States) -> tuple[Array, Array]:
    """The state that a path ends in, [B] int32, and whether any path does, [B]."""

    def at(state):
        index = jnp.maximum(state, 0)[:, None]
        return jax.tree.map(lambda x: jnp.take_along_axis(x, index, axis=1)[:, 0], score)

    end = states.end
    best, end = _larger(at(end), end, at(end - 1), end - 1)
    return end, best.high > -jnp.inf
