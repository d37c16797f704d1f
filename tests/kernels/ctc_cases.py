"""What the CTC loss is put through: how it is served, and one awkward batch.

The batch has rows that can be aligned in many ways, in one and in none, rows without frames and
without labels; NaN stands wherever no logit may be read, and no class where no label may be.
"""

import contextlib
import functools
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import ctc as oracle

from nnarch.kernels.ctc import ctc_loss, scan
from nnarch.kernels.ctc.in_place import PassesInPlace
from nnarch.kernels.ctc.passes import Passes

# "scan" as a CPU lays out its states and as an accelerator does.
LAYOUTS = {"flat": (PassesInPlace, "highest"), "rows": (Passes, "high")}
IMPLEMENTATIONS = (*LAYOUTS, "reference")
every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
every_layout = pytest.mark.parametrize("implementation", LAYOUTS)

# Frames and labels of each row.
ROWS = ((8, 4), (7, 2), (5, 0), (3, 3), (2, 4), (0, 0), (0, 2), (4, 1))
CLASSES, BLANK = 5, 0
ALIGNED = np.array([labels <= frames for frames, labels in ROWS])  # no label repeats its neighbour


class Case(NamedTuple):
    """The operands of one call, and the gradients of its losses."""

    logits: jax.Array  # [B, T, V]
    logit_lengths: np.ndarray
    labels: np.ndarray  # [B, L]
    label_lengths: np.ndarray
    cotangents: jax.Array  # [B]
    blank: int = BLANK

    @property
    def operands(self):
        """What a compiled program is called with, all of it on the device."""
        return tuple(map(jnp.asarray, self[:5]))


@contextlib.contextmanager
def served_by(implementation):
    """Within it the loss is traced, and differentiated, by this implementation or layout."""
    if implementation not in LAYOUTS:
        yield implementation
        return
    layout, precision = LAYOUTS[implementation]
    chosen = mock.patch.object(scan, "_on_platform", lambda run, *args: run(layout, *args))
    # Another precision (none depends on it) keeps jit from taking what it traced for another.
    with chosen, jax.default_matmul_precision(precision):
        yield "scan"


def loss(implementation, *operands, blank=BLANK):
    """Calls the kernel."""
    with served_by(implementation) as name:
        return ctc_loss(*operands, blank=blank, implementation=name)


@functools.lru_cache(maxsize=32)
def respond(implementation, blank=BLANK):
    """A compiled (logits, logit_lengths, labels, label_lengths, cotangents) -> (loss, gradient).

    One program serves all tests that use the same shapes.
    """

    def run(logits, logit_lengths, labels, label_lengths, cotangents):
        def kernel(logits):
            return loss(implementation, logits, logit_lengths, labels, label_lengths, blank=blank)

        with served_by(implementation):
            losses, pull = jax.vjp(kernel, logits)
            return losses, pull(cotangents)[0]

    return jax.jit(run)


def answer(implementation, case):
    """The losses and the logits' gradient of a case."""
    return respond(implementation, case.blank)(*case.operands)


def expect(case):
    """What the oracle answers in float64."""
    logits, cotangents = (np.asarray(a, np.float64) for a in (case.logits, case.cotangents))
    losses, gradients = oracle.rows(logits, *case[1:4], case.blank)
    return losses, cotangents[:, None, None] * gradients


class Shape(NamedTuple):
    """Sizes of a case."""

    frames: int = 8
    labels: int = 4
    classes: int = CLASSES


def case(rows=ROWS, *, shape=None, labels=None, blank=BLANK, dtype=jnp.float32, scale=1.0, seed=0):
    """Rows of the given frames and labels; the labels are drawn where they are not given.

    Drawn labels never repeat their neighbour where there are classes enough.
    """
    shape, rng = shape or Shape(), np.random.default_rng(seed)
    logit_lengths, label_lengths = np.array(rows, np.int32).reshape(-1, 2).T
    size = (len(rows), shape.frames, shape.classes)
    logits = rng.normal(size=size, scale=scale)
    logits[np.arange(shape.frames) >= logit_lengths[:, None]] = np.nan
    if labels is None:
        labels = draw_labels(rng, len(rows), shape, blank)
    sums = jnp.float64 if dtype == jnp.float64 else jnp.float32
    return Case(
        jnp.asarray(logits, dtype),
        logit_lengths,
        with_rubbish(labels, label_lengths, blank),
        label_lengths,
        jnp.asarray(rng.normal(size=len(rows)), sums),
        blank,
    )


def draw_labels(rng, rows, shape, blank):
    """[B, L], no blank; neighbours differ."""
    others = shape.classes - 1
    moves = rng.integers(1, max(others, 2), size=(rows, shape.labels))
    numbers = np.cumsum(moves, axis=1) % max(others, 1)
    return (numbers + (numbers >= blank)).astype(np.int32)


def with_rubbish(labels, lengths, blank):
    """Labels with the blank, a negative number or no class in the padding."""
    labels = np.array(labels, np.int32)
    rubbish = np.resize(np.array([blank, -7, 10**6, -1], np.int32), labels.shape)
    return np.where(np.arange(labels.shape[1]) < lengths[:, None], labels, rubbish)


def padding(case):
    """[B, T], True where no frame is."""
    return np.arange(case.logits.shape[1]) >= case.logit_lengths[:, None]
