"""Shapes, dtypes, lengths and labels of a CTC call, checked before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.lengths import check_lengths, on_device


def check_logits(kernel: str, logits: Array, logit_lengths: Array, blank: int):
    """Returns the logits and their lengths as arrays on the device.

    Raises:
      ValueError: logits are not floating [B, T, V], V not 0; lengths or the blank do not fit.
    """
    if not hasattr(logits, "dtype") or np.ndim(logits) != 3 or logits.shape[2] == 0:
        raise ValueError(
            f"{kernel} expects logits [B, T, V], an array with V of 1 or more; "
            f"got {_described(logits)}. Put the batch first; give a single row an axis with [None]."
        )
    if not jnp.issubdtype(logits.dtype, jnp.floating):
        raise ValueError(
            f"{kernel} expects logits of a floating dtype; got {logits.dtype}. Cast them first."
        )
    check_blank(kernel, blank, logits.shape[2])
    batch, steps, _ = logits.shape
    lengths = _checked(kernel, "logit_lengths", logit_lengths, batch, steps)
    return jnp.asarray(logits), _filled(lengths, batch, steps)


def check_call(
    kernel: str, logits: Array, logit_lengths: Array, blank: int, *, labels, label_lengths
):
    """Returns logits, their lengths, labels and their lengths as arrays on the device.

    Raises:
      ValueError: as `check_logits`; labels are not integers [B, L]; their lengths do not fit; a
        label that can be seen is the blank or no class.
    """
    logits, logit_lengths = check_logits(kernel, logits, logit_lengths, blank)
    batch, _, classes = logits.shape
    labels_here = not on_device(labels)
    labels = _as_array(kernel, labels)
    if labels_here and labels.size == 0:
        labels = labels.astype(np.int32)  # an empty list has no integers to show its dtype by
    if labels.ndim != 2 or labels.shape[0] != batch or not _is_integer(labels):
        raise ValueError(
            f"{kernel} expects labels as integers [B, L], one row for each of the {batch} rows of "
            f"logits; got {_described(labels)}. Pad the rows to one length."
        )
    limit = labels.shape[1]
    label_lengths = _checked(kernel, "label_lengths", label_lengths, batch, limit)
    on_host = labels_here and not on_device(label_lengths)
    if on_host:
        _check_labels(kernel, labels, _host(label_lengths, batch, limit), classes, blank)
    label_lengths = _filled(label_lengths, batch, limit)
    return logits, logit_lengths, _as_int32(labels), label_lengths


def check_blank(kernel: str, blank: int, classes: int) -> None:
    """Raises ValueError unless the blank is one of the classes."""
    if (
        isinstance(blank, bool)
        or not isinstance(blank, int | np.integer)
        or not (0 <= blank < classes)
    ):
        raise ValueError(
            f"{kernel} expects blank to be one of the {classes} classes, 0 to {classes - 1}; "
            f"got {blank!r}."
        )


def _as_array(kernel: str, labels) -> np.ndarray | Array:
    try:
        return jnp.asarray(labels) if on_device(labels) else np.asarray(labels)
    except ValueError as error:  # rows of several lengths
        raise ValueError(
            f"{kernel} expects labels as integers [B, L]; got rows that differ in length. "
            "Pad the rows to one length, and give label_lengths."
        ) from error


def _check_labels(kernel, labels, lengths, classes, blank):
    valid = np.arange(labels.shape[1]) < lengths[:, None]
    wrong = valid & ((labels < 0) | (labels >= classes) | (labels == blank))
    if wrong.any():
        row, place = np.argwhere(wrong)[0]
        raise ValueError(
            f"{kernel} expects labels from 0 to {classes - 1} other than the blank, {blank}; row "
            f"{row} has {labels[row, place]} at {place}. Labels count classes as the logits do; is "
            "label_lengths too long?"
        )


def _checked(kernel: str, name: str, lengths, batch: int, limit: int):
    if lengths is None:
        raise ValueError(
            f"{kernel} expects {name}, int32 [B]; got None. Give how much of each row is valid."
        )
    return check_lengths(name, lengths, batch, limit)


def _host(lengths, batch: int, limit: int):
    return np.full(batch, limit, np.int32) if lengths is None else lengths


def _filled(lengths, batch: int, limit: int) -> Array:
    """`check_lengths` gives None where all rows are full."""
    return jnp.asarray(_host(lengths, batch, limit), jnp.int32)


def _as_int32(labels) -> Array:
    """Labels beyond int32 are no classes: they stay so."""
    info = np.iinfo(labels.dtype)
    lowest, highest = max(-1, info.min), min(np.iinfo(np.int32).max, info.max)
    if isinstance(labels, jax.Array):
        return jnp.clip(labels, lowest, highest).astype(jnp.int32)
    return jnp.asarray(np.clip(labels, lowest, highest).astype(np.int32))


def _is_integer(labels) -> bool:
    return jnp.issubdtype(labels.dtype, jnp.integer)


def _described(value) -> str:
    dtype = getattr(value, "dtype", type(value).__name__)
    return f"{dtype} {np.shape(value)}"
