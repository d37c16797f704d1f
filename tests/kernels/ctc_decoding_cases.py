"""Rows of logits to decode, whose padding is NaN, and the ways to compare what comes out."""

import jax
import numpy as np


def rows(seed, *, batch=5, steps=7, classes=4, scale=2.0, lengths=None):
    """-> logits [B, T, V] float32 with NaN behind each length, and the lengths."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=scale, size=(batch, steps, classes)).astype(np.float32)
    if lengths is None:
        lengths = rng.permutation([steps, 0, min(1, steps), *rng.integers(0, steps + 1, batch)])[
            :batch
        ]
    lengths = np.asarray(lengths, np.int32)
    logits[np.arange(steps) >= lengths[:, None]] = np.nan
    return logits, lengths


def labels_for(seed, logits, lengths, *, blank, most=3):
    """-> labels [B, L] with -7 behind each length, and the lengths; some rows cannot be aligned."""
    rng = np.random.default_rng(seed)
    classes = [label for label in range(logits.shape[2]) if label != blank]
    labels = rng.choice(classes, size=(len(logits), most)).astype(np.int32)
    label_lengths = rng.integers(0, most + 1, len(logits)).astype(np.int32)
    labels[np.arange(most) >= label_lengths[:, None]] = -7
    return labels, label_lengths


def padded(labels, size, blank):
    return [*labels, *[blank] * (size - len(labels))]


def host(tree):
    return jax.tree.map(np.asarray, tree)
