"""The CTC loss: the public function, its checks, and the choice of implementation.

"scan" is the fast one for every platform; "reference" a plain recursion in log space which JAX
differentiates itself, forward mode and higher orders included, and which computes in float64 where
the logits are.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.choose import choose
from nnarch.kernels.ctc.check import check_call
from nnarch.kernels.ctc.reference import reference
from nnarch.kernels.ctc.scan import scan
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.explicit_axes import rows_as


class Call(NamedTuple):
    """What the implementations judge by."""

    dtype: jnp.dtype


def _no_float64(call: Call) -> str | None:
    return "it computes in float32, and the logits are float64" if call.dtype == "float64" else None


REFUSALS = {"scan": _no_float64, "reference": lambda call: None}


@rows_as("logits")
def ctc_loss(
    logits: Array,
    logit_lengths: Array,
    labels: Array,
    label_lengths: Array,
    *,
    blank: int = 0,
    implementation: str | None = None,
) -> Array:
    """-log p(labels | logits), summed over all alignments of the labels with the frames.

    A path names a class at each frame; it reads as the labels that are left when repeats are merged
    and then blanks dropped. With the labels y[1..L] and a blank before, between and after them, the
    states of a path are 2 L + 1, and

        alpha[t, s] = p[t, s] (alpha[t - 1, s] + alpha[t - 1, s - 1] + alpha[t - 1, s - 2])

    where the last term stands only at labels that differ from the label before. beta is the same
    from the end, and

        p(y) = sum over s of alpha[t, s] beta[t, s] / p[t, s]              at any frame t
        d loss / d logits[t, k] = softmax(logits[t])[k] - share of class k

    the share being the part of that sum whose states emit k.

    Scaling: alpha and beta are kept as mantissa (float32) and exponent (int32), apart for every
    state. In log space float32 has 24 bits for a number of some thousands, and at T = 1,500 the
    gradients of others are wrong in the third digit; with one scale for each frame a state that is
    1e-38 of the frame's largest is lost, though every path may have to pass it. Kept apart, neither
    happens: each step rounds once, relative to the state itself.

    Args:
      logits: [B, T, V], unnormalised, any float; right-padded. Padding may hold anything.
      logit_lengths: int32 [B], valid frames of each row.
      labels: int32 [B, L], right-padded; classes other than the blank. Padding may hold anything.
      label_lengths: int32 [B], valid labels of each row.
      blank: the class of the blank, from 0 to V - 1.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Lists and NumPy arrays of lengths and labels are checked. Those on a device cost no transfer:
    lengths are clipped, and a row with an impossible label counts as one that cannot be aligned.

    Returns:
      [B] float32 (float64 if the logits are): never below 0; +inf, with a gradient of exactly 0,
      where the labels cannot be aligned (fewer frames than labels and repeats, or a probability
      of 0); 0 where neither frames nor labels are; NaN where a valid logit is NaN or +inf.

    Raises:
      ValueError: a shape, dtype, length, label or blank does not fit.
      NotImplementedError: a second derivative of "scan".

    Source: Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist temporal classification".
    """
    logits, *integers = check_call(
        "ctc_loss", logits, logit_lengths, blank, labels=labels, label_lengths=label_lengths
    )
    name = choose("ctc_loss", REFUSALS, Call(logits.dtype), implementation=implementation)
    return _run(logits, *integers, blank=int(blank), implementation=name)


@partial(jax.jit, static_argnames=("blank", "implementation"))
def _run(logits, logit_lengths, labels, label_lengths, *, blank: int, implementation: str):
    if logits.shape[0] == 0:
        return jnp.zeros(0, accumulator(logits.dtype))
    run = {"scan": scan, "reference": reference}[implementation]
    return run(logits, logit_lengths, labels, label_lengths, blank)
