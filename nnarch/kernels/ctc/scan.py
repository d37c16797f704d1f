"""The CTC loss with a gradient of its own: softmax less each class's share of the frame.

Where a gradient is asked for, the pass forward makes the labels' shares too, and the gradient is
read off them: nothing is differentiated.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.ctc.emissions import Emissions, broken_rows, emissions_of
from nnarch.kernels.ctc.in_place import PassesInPlace
from nnarch.kernels.ctc.labels import by_class
from nnarch.kernels.ctc.normaliser import Normaliser
from nnarch.kernels.ctc.passes import Passes
from nnarch.kernels.ctc.scaled import Scaled, log
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.varying import varying_alike


class Residuals(NamedTuple):
    """What the gradient is made of."""

    loss: Array  # [B]
    shares: Array  # [B, T or T + 1, P], of each label and frame
    normaliser: Normaliser  # [B, T] each
    labels: Array  # int32 [B, P]


def scan(logits: Array, logit_lengths: Array, labels: Array, label_lengths: Array, blank: int):
    """logits [B, T, V], labels [B, L], B not 0 -> loss [B] float32."""
    return _loss(blank, *varying_alike((logits, logit_lengths, labels, label_lengths)))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(blank, logits, logit_lengths, labels, label_lengths):
    emissions = emissions_of(logits, logit_lengths, labels, label_lengths, blank)
    return _on_platform(_loss_alone, emissions)


def _loss_forward(blank, logits, logit_lengths, labels, label_lengths):
    emissions = emissions_of(logits, logit_lengths, labels, label_lengths, blank)
    loss, shares = _first_order(_on_platform(_loss_and_shares, emissions))
    normaliser = jax.tree.map(lambda x: x.T[:, : logits.shape[1]], emissions.normaliser)
    residuals = Residuals(loss, shares, normaliser, emissions.columns.labels)
    return loss, (logits, logit_lengths, residuals)


# d loss / d logits[t, k] = softmax(logits[t])[k] - the share of class k at frame t
def _loss_backward(blank, kept, dloss):
    logits, lengths, residuals = kept
    steps, classes = logits.shape[1:]
    largest, log_total = (part[..., None] for part in residuals.normaliser)
    softmax = jnp.exp(logits.astype(jnp.float32) - largest - log_total)
    shares = by_class(residuals.shares, residuals.labels, classes, blank)[:, :steps]
    gradient = dloss[:, None, None] * (softmax - shares)
    finite = jnp.isfinite(residuals.loss)[:, None, None]
    broken = jnp.where(jnp.isnan(residuals.loss), jnp.nan, 0)[:, None, None]
    gradient = jnp.where(finite, gradient, broken)
    gradient = jnp.where(valid_steps(lengths, steps)[..., None], gradient, 0)
    return gradient.astype(logits.dtype), None, None, None


_loss.defvjp(_loss_forward, _loss_backward)


@jax.custom_jvp
def _first_order(loss_and_shares):
    return loss_and_shares


@_first_order.defjvp
def _no_second_order(primals, tangents):  # it would be wrong: bits have no derivative
    raise NotImplementedError(
        "ctc_loss as 'scan' has first derivatives alone, in reverse mode; "
        "implementation='reference' has all."
    )


def _on_platform(run, emissions: Emissions):
    return lax.platform_dependent(
        emissions, cpu=partial(run, PassesInPlace), default=partial(run, Passes)
    )


def _loss_alone(kind: type[Passes], emissions: Emissions) -> Array:
    passes = kind(emissions)
    states, _ = passes.gather(keep=False)
    return _loss_of(passes.meet(states), emissions)


def _loss_and_shares(kind: type[Passes], emissions: Emissions) -> tuple[Array, Array]:
    passes = kind(emissions)
    states, left = passes.gather(keep=True)
    likelihood = passes.meet(states)
    return _loss_of(likelihood, emissions), passes.combine(states, left, likelihood)


def _loss_of(likelihood: Scaled, emissions: Emissions) -> Array:
    loss = jnp.maximum(-log(likelihood), 0)
    return jnp.where(broken_rows(emissions), jnp.nan, loss)
