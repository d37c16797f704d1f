"""The labels of a batch as columns of places, and the way from classes to columns and back."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.lengths import valid_steps


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
    return _gathered(logits, jnp.maximum(labels, 0))


def by_class(shares: Array, labels: Array, classes: int, blank: int) -> Array:
    """The labels' shares of each frame by class, the blank's being the rest of the frame.

    Columns of one label are added up by a product; a scatter is ten times as slow on a CPU. The
    product is with the classes if they are fewer than the columns. If not it gathers each label at
    the first of its columns, where its class finds it.

    shares [B, T, P], labels [B, P] -> [B, T, V].
    """
    if classes <= labels.shape[1]:
        found = _product(shares, _one_hot(labels, classes) - _one_hot_blank(labels, classes, blank))
    else:
        found = _by_first_column(shares, labels, classes, blank)
    return found + (jnp.arange(classes) == blank).astype(found.dtype)


def _by_first_column(shares: Array, labels: Array, classes: int, blank: int) -> Array:
    alive, numbers = labels >= 0, jnp.arange(labels.shape[1])
    same = (labels[:, :, None] == labels[:, None, :]) & alive[:, :, None]  # [B, from, to]
    first = (jnp.argmax(same, axis=1) == numbers) & alive
    merge = (same & first[:, None, :]).astype(jnp.float32)
    # Columns that are no labels: the first takes what the blank has lost to labels, the last is 0.
    merge = merge.at[:, :, 0].set(jnp.where(alive, -1.0, 0.0))
    classes_of = jnp.where(first, labels, classes).at[:, 0].set(blank)

    def column_of_class(classes_of: Array) -> Array:
        nowhere = jnp.full_like(classes_of, len(numbers) - 1, shape=classes)
        return nowhere.at[classes_of].set(numbers.astype(nowhere.dtype), mode="drop")

    return _gathered(_product(shares, merge), jax.vmap(column_of_class)(classes_of))


def _gathered(values: Array, places: Array) -> Array:
    """values [B, T, N], places [B, M] below N -> [B, T, M]."""
    return jnp.take_along_axis(values, places[:, None, :], axis=2, mode="clip")


def _one_hot(labels: Array, classes: int) -> Array:
    """[B, P] -> [B, P, V]; nothing where there is no label."""
    return (labels[..., None] == jnp.arange(classes)).astype(jnp.float32)


def _one_hot_blank(labels: Array, classes: int, blank: int) -> Array:
    return _one_hot(jnp.where(labels >= 0, blank, -1), classes)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
