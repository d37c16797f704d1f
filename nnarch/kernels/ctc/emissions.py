"""What the states of each row emit, and what the loop reads of it at a frame."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.ctc.labels import Columns, columns, scores
from nnarch.kernels.ctc.normaliser import Normaliser, normaliser_of
from nnarch.kernels.ctc.scaled import Scaled, from_log
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.stacks import at

# A probability has an exponent of at most 0: this 1 can be told from every other.
STAY = Scaled(np.float32(0.5), np.int32(1))


class Emissions(NamedTuple):
    """The number of frames is even."""

    blanks: Array  # logits [T, B]
    labels: Array  # logits [B, T, P]
    normaliser: Normaliser  # [T, B] each
    columns: Columns
    lengths: Array  # int32 [B], frames

    @property
    def half(self) -> int:
        """T / 2."""
        return self.labels.shape[1] // 2


class Frame(NamedTuple):
    """The probabilities of blanks and labels at a frame; STAY past a row's end."""

    blanks: Scaled  # [B], or [2, B] of both passes
    labels: Scaled  # [B, P], or [2, B, P]


def emissions_of(
    logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, blank: int
) -> Emissions:
    """logits [B, T, V], labels [B, L] -> Emissions; an odd T gets one more frame of padding."""
    steps = logits.shape[1]
    logits = logits.astype(jnp.float32)
    normaliser = normaliser_of(logits)
    found = columns(labels, label_lengths, logits.shape[2], blank)
    of_labels = scores(logits, found.labels)
    more = (0, steps % 2 if steps else 2)
    return Emissions(
        blanks=jnp.pad(logits[..., blank], ((0, 0), more)).T,
        labels=jnp.pad(of_labels, ((0, 0), more, (0, 0))),
        normaliser=jax.tree.map(lambda x: jnp.pad(x, ((0, 0), more)).T, normaliser),
        columns=found,
        lengths=logit_lengths,
    )


def frame_at(emissions: Emissions, t: Array, moving: Array) -> Frame:
    """The frame t of each row, STAY where `moving` [B] is false; behind a row's end all is 1."""
    here = t.astype(jnp.int32) < emissions.lengths
    largest, log_total = (at(part, t) for part in emissions.normaliser)
    blanks = jnp.where(here, at(emissions.blanks, t) - largest - log_total, 0)
    labels = at(emissions.labels, t, axis=1) - largest[:, None] - log_total[:, None]
    labels = jnp.where(here[:, None], labels, 0)
    labels = jnp.where(emissions.columns.labels >= 0, labels, -jnp.inf)
    return Frame(
        _or_stay(moving, from_log(blanks)),
        _or_stay(moving[:, None], from_log(labels)),
    )


def _or_stay(moving: Array, probability: Scaled) -> Scaled:
    return jax.tree.map(lambda p, stay: jnp.where(moving, p, stay), probability, STAY)


def broken_rows(emissions: Emissions) -> Array:
    """bool [B]: a valid logit is NaN or +inf."""
    largest, log_total = emissions.normaliser
    valid = valid_steps(emissions.lengths, len(largest)).T
    return jnp.any(valid & ~(largest + log_total < jnp.inf), axis=0)
