"""CTC prefix beam search: the likeliest labellings, each the sum over its paths."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.ctc import prefixes as held
from nnarch.kernels.ctc.check import check_logits
from nnarch.kernels.ctc.frames import frames
from nnarch.kernels.ctc.prefixes import Moves, Prefixes, at, flat
from nnarch.kernels.ctc.prior import CTCPrior, Outlook, check_prior, first_outlook, next_outlook
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.largest import largest
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.varying import varying_alike

FRAMES_A_BLOCK = 64  # on a CPU as fast as 128; at 10,000 frames 32 takes a fourth more time


@rows_as("logits")
def ctc_beam_search(
    logits: Array,
    logit_lengths: Array,
    *,
    beam: int = 16,
    blank: int = 0,
    prior: CTCPrior | None = None,
) -> tuple[Array, Array, Array]:
    """Finds likely labellings of each row, whose probability is a sum over all their paths.

    A beam holds a prefix with the mass of its paths so far, b of those that end in the blank and
    n of those that end in its last label. At each frame, with p the frame's probabilities,

        b'(y) = p(blank) (b(y) + n(y))
        n'(y) = p(last of y) n(y) + p(last of y) g(y without its last, last of y)
        g(x, v) = b(x) + n(x), or b(x) alone if x ends in v

    and the `beam` prefixes of most mass b' + n' are kept. g of a prefix that is not held counts as
    0: that is all that is lost, and a beam as wide as all prefixes gives exact probabilities. A
    prefix that was dropped may be taken up again; no two beams ever hold the same.

    Masses are logarithms relative to the row's likeliest beam, and each frame's scores relative to
    its likeliest class; what is taken off is summed once, after the loop, so that float32 loses no
    digits over thousands of frames.

    Ties go to the beams as they are before those that grow, then to the better beam, then to the
    likelier class.

    Args:
      logits: [B, T, V], unnormalised, any float; right-padded. Padding may hold anything.
      logit_lengths: int32 [B], valid frames of each row; a list or NumPy array is checked, one on a
        device clipped to 0..T.
      beam: prefixes kept, W.
      blank: the class of the blank, from 0 to V - 1.
      prior: adds a language model's log-probabilities to every prefix; see `CTCPrior`. With it call
        under jit: called eagerly, the loop is compiled anew each time.

    Returns:
      labels int32 [B, W, T], best first; label_lengths int32 [B, W]; log_probs [B, W] float32
      (float64 if the logits are). Past a length stands the blank. Beams that do not exist have
      log_prob -inf, length 0 and blanks alone. A row with NaN or +inf in a valid logit has NaN for
      all its log_probs and no labels.

    Raises:
      ValueError: a shape, dtype, length, the blank, the beam or the prior does not fit.

    Source: Hannun, Maas, Jurafsky and Ng 2014, "First-pass large vocabulary continuous speech
    recognition using bi-directional recurrent DNNs", algorithm 1; Graves and Jaitly 2014.
    """
    logits, logit_lengths = check_logits("ctc_beam_search", logits, logit_lengths, blank)
    _check_beam(beam)
    if prior is None:
        return _search_alone(logits, logit_lengths, beam=int(beam), blank=int(blank))
    check_prior(prior, logits.shape[0])
    return _search(logits, logit_lengths, prior, int(beam), int(blank))


def _check_beam(beam: int) -> None:
    if isinstance(beam, bool) or not isinstance(beam, int | np.integer) or beam < 1:
        raise ValueError(
            f"ctc_beam_search expects beam to be an integer of 1 or more; got {beam!r}. "
            "It is the number of prefixes kept at each frame."
        )


class _Beams(NamedTuple):
    """The beams of each row, the likeliest first; a total of -inf marks one that does not exist."""

    total: Array  # [B, W] log mass of all paths
    blank: Array  # [B, W] of those that end in the blank
    label: Array  # [B, W] of those that end in the last label
    prefixes: Prefixes
    outlook: Outlook | None  # what the prior says of the next label


class _Frame(NamedTuple):
    """A frame's scores: of every class, and of those by which beams may grow, likeliest first."""

    scores: Array  # [B, V]
    classes: Array  # [B, K] int32
    gains: Array  # [B, K], -inf at the blank


@partial(jax.jit, static_argnames=("beam", "blank"))
def _search_alone(logits, lengths, *, beam: int, blank: int):
    return _search(logits, lengths, None, beam, blank)


def _search(logits: Array, lengths: Array, prior: CTCPrior | None, beam: int, blank: int):
    state = None if prior is None else prior.state
    logits, lengths, state = varying_alike((logits, lengths, state))
    prior = prior and prior._replace(state=state)
    blocks, size = _blocks(logits.shape[1])
    beams = _one_beam(logits, beam, size, prior, blank)
    rows = jnp.zeros_like(beams.prefixes.tail, shape=(len(logits), beam, blocks * size))

    def run_block(carry, block):
        beams, rows = carry
        scores, best = frames(*block, blank)
        block = _frames(scores, None if prior else beam + 1, blank)
        block = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), block)
        beams, taken_off = lax.scan(lambda b, f: _step(b, f, rows, prior, blank), beams, block)
        rows = held.end_block(beams.prefixes, rows)
        beams = beams._replace(prefixes=held.start_block(beams.prefixes))
        return (beams, rows), jnp.sum(taken_off, axis=0) + jnp.sum(best, axis=1)

    in_blocks = _in_blocks(logits, lengths, blocks, size)
    (beams, rows), common = lax.scan(run_block, (beams, rows), in_blocks)
    return _answer(beams, rows[:, :, : logits.shape[1]], jnp.sum(common, axis=0), blank)


def _blocks(steps: int) -> tuple[int, int]:
    """How many blocks of how many frames hold all steps."""
    blocks = max(1, -(-steps // FRAMES_A_BLOCK))
    return blocks, max(1, -(-steps // blocks))


def _in_blocks(logits: Array, lengths: Array, blocks: int, size: int) -> tuple[Array, Array]:
    """Logits [blocks, B, size, V] and which of them are valid, [blocks, B, size]."""
    padding = blocks * size - logits.shape[1]
    logits = jnp.pad(logits, ((0, 0), (0, padding), (0, 0)))
    valid = valid_steps(lengths, blocks * size)
    return jax.tree.map(
        lambda x: jnp.swapaxes(x.reshape(len(x), blocks, size, *x.shape[2:]), 0, 1),
        (logits, valid),
    )


def _frames(scores: Array, most: int | None, blank: int) -> _Frame:
    """scores [B, C, V] -> C frames; beams may grow by the `most` likeliest classes, or by all."""
    classes = jnp.arange(scores.shape[2], dtype=jnp.int32)
    labels = jnp.where(classes == blank, -jnp.inf, scores)
    if most is None:
        return _Frame(scores, jnp.broadcast_to(classes, scores.shape), labels)
    gains, classes = largest(labels, min(most, scores.shape[2]))
    return _Frame(scores, classes, gains)


def _one_beam(logits: Array, beam: int, size: int, prior: CTCPrior | None, blank: int) -> _Beams:
    batch, _, classes = logits.shape
    nothing = jnp.full_like(logits, -jnp.inf, accumulator(logits.dtype), shape=(batch, beam))
    start = nothing.at[:, 0].set(0)
    outlook = prior and first_outlook(prior, start, classes, blank)
    return _Beams(start, start, nothing, held.empty(start, size), outlook)


def _step(beams: _Beams, frame: _Frame, rows: Array, prior: CTCPrior | None, blank: int):
    """The beams after a frame, and what their masses are now less by, [B]."""
    count = beams.total.shape[1]
    stay = _staying(beams, frame, blank)
    source, label, mass = _growing(beams, frame)
    total, chosen = largest(jnp.concatenate([stay.total, mass], axis=1), count)
    source = jnp.concatenate([np.arange(count, dtype=np.int32), source])[chosen]
    label = at(jnp.concatenate([jnp.full_like(chosen, -1), label], axis=1), chosen)
    most = jnp.where(total[:, :1] > -jnp.inf, total[:, :1], 0)
    moves = Moves(source, label, total > -jnp.inf)
    grows = label >= 0
    after = _Beams(
        total=total - most,
        blank=jnp.where(grows, -jnp.inf, at(stay.blank, source)) - most,
        label=jnp.where(grows, total, at(stay.label, source)) - most,
        prefixes=held.move(beams.prefixes, rows, moves),
        outlook=prior and next_outlook(prior, beams.outlook, moves, blank),
    )
    return after, most[:, 0]


def _staying(beams: _Beams, frame: _Frame, blank: int) -> _Beams:
    """The beams after the frame if none grows but into another, with which it is merged."""
    prefixes = beams.prefixes
    parents = held.parents(prefixes)
    merged = jnp.where(parents >= 0, _handed_on(beams, parents, prefixes.last), -jnp.inf)
    repeated = at(frame.scores, prefixes.last)  # of no label any: no path ends in it
    to_blank = beams.total + frame.scores[:, blank, None]
    to_label = _log_sum(beams.label, merged) + repeated
    total = _log_sum(to_blank, to_label)
    return beams._replace(total=total, blank=to_blank, label=to_label)


def _growing(beams: _Beams, frame: _Frame) -> tuple[np.ndarray, Array, Array]:
    """Prefixes that are not held yet: source [N], label [B, N], mass [B, N]."""
    prefixes = beams.prefixes
    count, classes = beams.total.shape[1], frame.classes.shape[1]
    source, rank = _candidates(count, classes, ranked=beams.outlook is None)
    label = frame.classes[:, rank]
    mass = _handed_on(beams, jnp.broadcast_to(source, label.shape), label) + frame.gains[:, rank]
    parents = held.parents(prefixes)[:, None, :]
    merged = (source[:, None] == parents) & (label[:, :, None] == prefixes.last[:, None, :])
    return source, label, jnp.where(jnp.any(merged, axis=2), -jnp.inf, mass)


# Of the extensions of W beams, sorted by mass, by classes, sorted by score, that of the beam i by
# the class r (both from 0) needs a look only if (i + 1) r <= W. For those of the beams up to i by
# the classes before r are no worse, except in each beam the one that repeats its last label, which
# the class r itself makes up for in the beams before i. That is i r + r - 1 or more of them, each a
# candidate or merged into another one, and W that are no worse leave no room.
def _candidates(beams: int, classes: int, ranked: bool) -> tuple[np.ndarray, np.ndarray]:
    """The beam and the class, by rank, of every extension that may be among the best W."""
    source, rank = np.divmod(np.arange(beams * classes, dtype=np.int32), np.int32(classes))
    needed = (source + 1) * rank <= beams if ranked else slice(None)
    return source[needed], rank[needed]


def _handed_on(beams: _Beams, source: Array, label: Array) -> Array:
    """g of the beams source [B, N] and the labels [B, N], with the prior's share."""
    repeats = at(beams.prefixes.last, source) == label
    mass = jnp.where(repeats, at(beams.blank, source), at(beams.total, source))
    if beams.outlook is None:
        return mass
    scores = beams.outlook.scores
    return mass + at(flat(scores), source * scores.shape[2] + label)


def _log_sum(a: Array, b: Array) -> Array:
    """log(exp a + exp b), whose gradient is 0 where both are -inf."""
    larger = jnp.maximum(a, b)
    some = larger > -jnp.inf
    larger = jnp.where(some, larger, 0)
    less = jnp.where(some, jnp.minimum(a, b) - larger, 0)
    return jnp.where(some, larger + jnp.log1p(jnp.exp(less)), -jnp.inf)


def _answer(beams: _Beams, rows: Array, common: Array, blank: int):
    log_probs = beams.total + common[:, None]
    lengths = jnp.where(log_probs > -jnp.inf, beams.prefixes.lengths, 0)
    labels = jnp.where(jnp.arange(rows.shape[2]) < lengths[..., None], rows, blank)
    return labels, lengths, log_probs
