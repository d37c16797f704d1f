"""What experiments share that are trained by CTC: the loss of a batch, and how a text is read."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels import ctc_beam_search, ctc_greedy, ctc_loss
from nnarch.train import Loss


def batch_loss(logits: Array, lengths: Array, batch: dict[str, Array]) -> Loss:
    """CTC's loss summed over a batch, by label; what cannot be aligned is left out, and counted.

    Args:
      logits: float [B, T, classes].
      lengths: int [B], frames of each row.
      batch: with "labels" int [B, L] and "label_lengths" int [B].
    """
    losses = ctc_loss(logits, lengths, batch["labels"], batch["label_lengths"])
    aligned = losses != jnp.inf  # NaN stays, for the engine to see
    labels = jnp.sum(jnp.where(aligned, batch["label_lengths"], 0), dtype=jnp.float32)
    unaligned = jnp.sum(~aligned, dtype=jnp.float32)
    rows = jnp.float32(len(losses))
    return Loss(jnp.sum(jnp.where(aligned, losses, 0)), labels, {"unaligned": (unaligned, rows)})


def best_labels(logits: Array, lengths: Array, *, beam: int) -> tuple[Array, Array]:
    """The labelling of each row, int32 [B, T], and how long it is, [B]. No beams: greedy."""
    if not beam:
        return ctc_greedy(logits, lengths)[:2]
    labels, label_lengths, _ = ctc_beam_search(logits, lengths, beam=beam)
    return labels[:, 0], label_lengths[:, 0]


def at_even_distances(count: int, shown: int) -> list[int]:
    """The places of `shown` among `count`, such as stand for all of them."""
    return [int(place) for place in (np.arange(shown) + 0.5) * count / shown]
