"""Losses that several experiments share. Each returns a sum and the weight to divide it by."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class WeightedSum(NamedTuple):
    """A loss as two sums, so that parts of a batch may be added before the one division."""

    total: Array  # [] float32
    weight: Array  # [] float32, how much was counted


def masked_cross_entropy(
    logits: Array, labels: Array, lengths: Array, *, label_smoothing: float = 0.0
) -> WeightedSum:
    """Sums -log p(label) over the valid positions of every row.

    With label smoothing s the target is 1 - s on the label and s spread evenly over all V classes.
    Source: Szegedy et al. 2015, "Rethinking the Inception architecture", section 7.

    Args:
      logits: [B, L, V], any float; what stands in padding, NaN too, changes nothing.
      labels: int32 [B, L]; padding may hold anything.
      lengths: int32 [B], valid positions of each row; clipped to 0..L.
      label_smoothing: the share s of the target that is spread, 0 <= s < 1.

    Returns:
      The sum in nats and the number of valid positions, both float32.

    Raises:
      ValueError: a shape does not fit the others, or label_smoothing is out of range.
    """
    _check(logits, labels, lengths, label_smoothing)
    valid = jnp.arange(labels.shape[1]) < lengths[:, None]
    labels = jnp.where(valid, labels, 0)
    rows = logits.reshape(-1, logits.shape[-1])
    total = _cross_entropy(rows, labels.ravel(), valid.ravel(), label_smoothing)
    return WeightedSum(total, jnp.sum(valid, dtype=jnp.float32))


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _cross_entropy(logits: Array, labels: Array, valid: Array, smoothing: float) -> Array:
    """Over valid rows x of logits [N, V]: sum of log sum exp x - (1 - s) x[label] - s mean(x).

    Its gradient is softmax(x) less the target. Autodiff would keep two arrays of [N, V] and write a
    third; here nothing but the logits and a number for each row is kept.
    """
    return _cross_entropy_forward(logits, labels, valid, smoothing)[0]


def _cross_entropy_forward(logits: Array, labels: Array, valid: Array, smoothing: float):
    xs = _where_valid(logits, valid)
    log_sum = jax.nn.logsumexp(xs, axis=-1)
    chosen = jnp.take_along_axis(xs, labels[..., None], axis=-1)[..., 0]
    loss = log_sum - (1 - smoothing) * chosen - smoothing * jnp.mean(xs, axis=-1)
    return jnp.sum(jnp.where(valid, loss, 0)), (logits, labels, valid, log_sum)


def _cross_entropy_backward(smoothing: float, kept: tuple[Array, ...], gradient: Array):
    logits, labels, valid, log_sum = kept
    classes = jnp.arange(logits.shape[-1])
    target = jnp.where(labels[..., None] == classes, 1 - smoothing, 0) + smoothing / len(classes)
    probabilities = jnp.exp(_where_valid(logits, valid) - log_sum[..., None])
    pulled = jnp.where(valid[..., None], gradient * (probabilities - target), 0)
    return pulled.astype(logits.dtype), None, None


def _where_valid(logits: Array, valid: Array) -> Array:
    return jnp.where(valid[..., None], logits, 0).astype(jnp.float32)


_cross_entropy.defvjp(_cross_entropy_forward, _cross_entropy_backward)


def _check(logits: Array, labels: Array, lengths: Array, label_smoothing: float) -> None:
    if logits.ndim != 3 or labels.shape != logits.shape[:2] or lengths.shape != labels.shape[:1]:
        raise ValueError(
            "masked_cross_entropy expects logits [B, L, V], labels [B, L] and lengths [B]; got "
            f"{logits.shape}, {labels.shape} and {lengths.shape}. Put the batch first everywhere."
        )
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"label_smoothing is a share of the target, from 0 to below 1; got {label_smoothing}."
        )
