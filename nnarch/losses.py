"""Losses that several experiments share. Each returns a sum and the weight to divide it by."""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.rounded import rounded_einsum


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
    loss = log_sum - (1 - smoothing) * chosen
    if smoothing:  # 0 times a logit of -inf would be NaN
        loss -= smoothing * jnp.mean(xs, axis=-1)
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


def ranking_loss(
    queries: Array,
    keys: Array,
    matches: Array,
    *,
    margin: float = 0.2,
    negatives: Literal["all", "hardest"] = "all",
) -> WeightedSum:
    """Sums how far wrong pairs come within a margin of the right one, both ways.

        s(i, j) = queries[i] · keys[j]
        all      sum over i, over j that does not match i, of
                 max(0, margin - s(i, i) + s(i, j)) + max(0, margin - s(i, i) + s(j, i))
        hardest  the largest over j in place of each sum over j

    Sources: Kiros et al. 2014, "Unifying visual-semantic embeddings", arXiv 1411.2539, equation 9;
    hardest: Faghri et al. 2018, "VSE++", arXiv 1707.05612, equation 6.

    Args:
      queries: [B, D], any float; of unit length, if s is to be a cosine.
      keys: [B, D]; row i belongs to query i.
      matches: bool [B, B], whether query i and key j belong together too; such a pair, and the
        diagonal, is never a negative.
      margin: above 0.
      negatives: which wrong pairs count.

    Returns:
      The sum and B, both float32 (float64 if the vectors are).

    Raises:
      ValueError: a shape does not fit the others, or an option is not known.
    """
    _check_ranking(queries, keys, matches, margin, negatives)
    exact = jnp.promote_types(queries.dtype, jnp.float32)
    scores = rounded_einsum("qd,kd->qk", queries, keys, queries.dtype)
    wrong = ~(matches | jnp.eye(len(scores), dtype=bool))
    right = jnp.diagonal(scores)
    costs = (margin - right[:, None] + scores, margin - right[None, :] + scores)
    costs = (jnp.where(wrong, jnp.maximum(cost, 0), 0) for cost in costs)
    over = jnp.sum if negatives == "all" else partial(jnp.max, initial=0)
    total = sum(jnp.sum(over(cost, axis=axis)) for cost, axis in zip(costs, (1, 0), strict=True))
    return WeightedSum(total, jnp.asarray(len(scores), exact))


def _check_ranking(
    queries: Array, keys: Array, matches: Array, margin: float, negatives: str
) -> None:
    batch = len(queries) if queries.ndim else 0
    if queries.ndim != 2 or keys.shape != queries.shape or matches.shape != (batch, batch):
        raise ValueError(
            "ranking_loss expects queries [B, D], keys [B, D] and matches [B, B]; got "
            f"{queries.shape}, {keys.shape} and {matches.shape}. Pass a key for each query."
        )
    if negatives not in ("all", "hardest"):
        raise ValueError(f"negatives are all or hardest; got {negatives!r}.")
    if not margin > 0:
        raise ValueError(f"margin is a number above 0; got {margin}.")


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
