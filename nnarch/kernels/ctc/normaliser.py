"""What makes logits log-probabilities, in two parts."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class Normaliser(NamedTuple):
    """log p = x - largest - log_total.

    Apart, since the largest alone may be so large that the sum of both loses digits.
    """

    largest: Array  # of a frame's logits; 0 where all are -inf
    log_total: Array  # log of the sum of exp(x - largest); 0 where all are -inf


def normaliser_of(logits: Array) -> Normaliser:
    """[..., V] -> [...] each. NaN anywhere in a frame makes its log_total NaN."""
    largest = jnp.max(logits, axis=-1)
    largest = jnp.where(largest == -jnp.inf, 0, largest)
    # Of NaN a maximum need not be NaN, the sum is; it is 0 of -inf throughout.
    total = jnp.sum(jnp.exp(logits - largest[..., None]), axis=-1)
    return Normaliser(largest, jnp.log(jnp.where(total == 0, 1, total)))
