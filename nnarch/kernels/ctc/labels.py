"""The labels of a batch as columns of places, and the way from classes to columns and back."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.lengths import valid_steps

# A product with one-hot labels beats a gather and a scatter up to some thousand classes.
MOST_CLASSES_BY_PRODUCT = 1024


class Columns(NamedTuple):
    """Labels in columns 1..L of P; what is no label of its row is dead."""

    labels: Array  # int32 [B, P], -1 where dead
    skip: Array  # bool [B, P], a label that differs from the one before it
    last: Array  # int32 [B], the column of the row's last label


def columns(labels: Array, lengths: Array, classes: int, blank: int) -> Columns:
    """labels [B, L], lengths [B] -> Columns, P a multiple of 16 and at least L + 2.

    A label that is the blank or no class at all is dead, and no path leads past it.
    """
    size = labels.shape[1]
    width = -(-(size + 2) // 16) * 16
    known = (labels >= 0) & (labels < classes) & (labels != blank) & valid_steps(lengths, size)
    labels = jnp.where(known, labels, -1)
    labels = jnp.pad(labels, ((0, 0), (1, width - size - 1)), constant_values=-1)
    before = jnp.pad(labels[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    skip = (labels >= 0) & (before >= 0) & (labels != before)
    return Columns(labels, skip, lengths)


def scores(logits: Array, labels: Array) -> Array:
    """Each column's logit: logits [B, T, V], labels [B, P] -> [B, T, P]; of dead ones any."""
    classes = logits.shape[-1]
    if classes > MOST_CLASSES_BY_PRODUCT:
        return jnp.take_along_axis(logits, jnp.maximum(labels, 0)[:, None, :], axis=2)
    finite = jnp.maximum(logits, -1e30)  # 0 * -inf is NaN
    return _product(finite, jnp.swapaxes(_one_hot(labels, classes), 1, 2))


def by_class(shares: Array, labels: Array, classes: int, blank: int) -> Array:
    """The labels' shares of each frame by class, the blank's being the rest of the frame.

    shares [B, T, P], labels [B, P] -> [B, T, V].
    """
    if classes > MOST_CLASSES_BY_PRODUCT:
        less_blank = _scattered(shares, labels, classes, blank)
    else:
        blanks = _one_hot(jnp.where(labels >= 0, blank, -1), classes)
        less_blank = _product(shares, _one_hot(labels, classes) - blanks)
    return less_blank + (jnp.arange(classes) == blank)


def _one_hot(labels: Array, classes: int) -> Array:
    """[B, P] -> [B, P, V]."""
    return (labels[..., None] == jnp.arange(classes)).astype(jnp.float32)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


def _scattered(shares, labels, classes, blank):
    # Columns of one label are added up at the first of them, so that no index comes twice.
    same = (labels[:, :, None] == labels[:, None, :]) & (labels >= 0)[:, :, None]  # [B, from, to]
    numbers = jnp.arange(labels.shape[1])
    first = (jnp.argmax(same, axis=1) == numbers) & (labels >= 0)
    merge = (same & first[:, None, :]).astype(jnp.float32)
    merge = merge.at[:, :, 0].set(jnp.where(labels >= 0, -1.0, 0.0))  # column 0 is no label
    where = jnp.where(first, labels, classes + numbers).at[:, 0].set(blank)
    batch, steps = shares.shape[:2]
    rows, frames = jnp.arange(batch)[:, None, None], jnp.arange(steps)[None, :, None]
    zeros = jnp.zeros_like(shares, shape=(batch, steps, classes))
    return zeros.at[rows, frames, where[:, None, :]].add(
        _product(shares, merge), mode="drop", unique_indices=True
    )
