"""The CTC loss as a plain recursion in log space, differentiated by JAX.

Shares no code with the fast implementation. It loses digits on long inputs: log-probabilities of
some thousands leave float32 four digits behind the point.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.varying import varying_alike

IMPOSSIBLE = -1e30  # finite: the derivative of a sum of two -inf is NaN


def reference(logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, blank: int):
    """logits [B, T, V], labels [B, L] -> loss [B], float32 (float64 if the logits are)."""
    logits, logit_lengths, labels, label_lengths = varying_alike(
        (logits, logit_lengths, labels, label_lengths)
    )
    states, live, skip = _states(labels, label_lengths, logits.shape[2], blank)
    valid = valid_steps(logit_lengths, logits.shape[1])
    emissions = jnp.take_along_axis(_log_probs(logits, valid), states[:, None, :], axis=2)
    emissions = jnp.where(live[:, None, :], emissions, IMPOSSIBLE)

    def step(alpha, frame):
        emission, here = frame
        skipped = jnp.where(skip, _shifted(alpha, 2), IMPOSSIBLE)
        moved = jnp.logaddexp(jnp.logaddexp(alpha, _shifted(alpha, 1)), skipped)
        return jnp.where(here[:, None], moved + emission, alpha), None

    # Before the first frame stands the first blank: it leads to itself and to the first label.
    number = jnp.arange(states.shape[1])
    start = jnp.where((number == 0) & (states >= 0), 0, IMPOSSIBLE).astype(emissions.dtype)
    alpha, _ = lax.scan(step, start, (jnp.swapaxes(emissions, 0, 1), valid.T))
    ends = (number == 2 * label_lengths[:, None]) | (number == 2 * label_lengths[:, None] - 1)
    likelihood = jax.nn.logsumexp(jnp.where(ends, alpha, IMPOSSIBLE), axis=1)
    return jnp.where(likelihood < IMPOSSIBLE / 2, jnp.inf, jnp.maximum(-likelihood, 0))


def _log_probs(logits: Array, valid: Array) -> Array:
    logits = logits.astype(accumulator(logits.dtype))
    empty = jnp.all(logits == -jnp.inf, axis=-1, keepdims=True)  # a frame that no class can emit
    logits = jnp.where(valid[..., None] & ~empty, logits, 0)
    return jnp.where(empty, IMPOSSIBLE, jnp.maximum(jax.nn.log_softmax(logits), IMPOSSIBLE))


def _states(labels, lengths, classes, blank):
    """The class of each of the 2 L + 1 states, which of them live, and which a path may skip to."""
    size = labels.shape[1]
    known = (labels >= 0) & (labels < classes) & (labels != blank) & valid_steps(lengths, size)
    number = jnp.arange(2 * size + 1)
    label = jnp.pad(jnp.where(known, labels, blank), ((0, 0), (0, 1)), constant_values=blank)
    known = jnp.pad(known, ((0, 0), (0, 1)))
    is_label = number % 2 == 1
    states = jnp.where(is_label, label[:, number // 2], blank)
    live = ~is_label | known[:, number // 2]
    skip = is_label & live & (number > 1) & (states != jnp.roll(states, 2, axis=1))
    return states, live, skip


def _shifted(alpha: Array, by: int) -> Array:
    return jnp.pad(alpha, ((0, 0), (by, 0)), constant_values=IMPOSSIBLE)[:, : alpha.shape[1]]
