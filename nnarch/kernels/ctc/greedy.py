"""Greedy CTC decoding: the likeliest path, read as labels."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.ctc.check import check_logits
from nnarch.kernels.ctc.frames import frames
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.lengths import valid_steps


@rows_as("logits")
def ctc_greedy(
    logits: Array, logit_lengths: Array, *, blank: int = 0
) -> tuple[Array, Array, Array]:
    """Reads the likeliest class of every frame, repeats merged and blanks dropped.

    The likeliest path need not be one of the likeliest labelling, whose probability is a sum over
    many paths: `ctc_beam_search` looks for that.

    Args:
      logits: [B, T, V], unnormalised, any float; right-padded. Padding may hold anything.
      logit_lengths: int32 [B], valid frames of each row; a list or NumPy array is checked, one on a
        device clipped to 0..T.
      blank: the class of the blank, from 0 to V - 1.

    Returns:
      labels int32 [B, T], the blank past a row's length; label_lengths int32 [B]; log_probs [B]
      float32 (float64 if the logits are), the log-probability of the path: the sum over valid
      frames of the largest log_softmax; 0 of no frames, -inf where a frame has -inf alone, NaN
      where a valid logit is NaN or +inf. Of equal classes a frame takes the first.

    Raises:
      ValueError: a shape, dtype, length or the blank does not fit.

    Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist temporal classification",
    section 3.2, best path decoding.
    """
    logits, logit_lengths = check_logits("ctc_greedy", logits, logit_lengths, blank)
    return _greedy(logits, logit_lengths, blank=int(blank))


@partial(jax.jit, static_argnames="blank")
def _greedy(logits: Array, lengths: Array, *, blank: int) -> tuple[Array, Array, Array]:
    scores, best = frames(logits, valid_steps(lengths, logits.shape[1]), blank)
    path = jnp.argmax(scores, axis=-1).astype(jnp.int32)
    before = jnp.pad(path[:, :-1], ((0, 0), (1, 0)), constant_values=blank)[:, : path.shape[1]]
    kept = (path != blank) & (path != before)
    labels = jax.vmap(partial(_compacted, fill=blank))(path, kept)
    return labels, jnp.sum(kept, axis=1, dtype=jnp.int32), jnp.sum(best, axis=1)


def _compacted(row: Array, kept: Array, *, fill: int) -> Array:
    """What is kept of a row [T], side by side; behind it the fill."""
    place = jnp.where(kept, jnp.cumsum(kept) - 1, row.size)
    return jnp.full_like(row, fill).at[place].set(row, mode="drop")
