"""Masks of the recurrent state, from a key: dropout's, one a sequence; zoneout's, one a step."""

import jax
import jax.numpy as jnp
from jax import Array


def recurrent_dropout_mask(
    key: Array, batch: int, hidden_size: int, *, rate: float, dtype: jnp.dtype = jnp.float32
) -> Array:
    """What h is multiplied by wherever it meets recurrent weights, the same at each step.

    Args:
      key: a typed key for this call alone.
      batch: rows B.
      hidden_size: units H.
      rate: share of units that are dropped, 0 <= rate < 1.
      dtype: of the mask.

    Returns:
      [B, H]: 0, or 1 / (1 - rate).

    Raises:
      ValueError: rate is out of range.

    Source: Gal and Ghahramani 2016, arXiv 1512.05287, equation 7.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"recurrent_dropout_mask takes a rate from 0 to below 1; got {rate}.")
    kept = jax.random.bernoulli(key, 1 - rate, (batch, hidden_size))
    return kept.astype(dtype) / (1 - rate)


def zoneout_mask(key: Array, batch: int, steps: int, hidden_size: int, *, rate: float) -> Array:
    """Which units keep, at each step, the state that they had before it.

    Args:
      key: a typed key for this call and this part of the state alone.
      batch: rows B.
      steps: T.
      hidden_size: units H.
      rate: share of units that keep their state, 0 <= rate <= 1, to the next 65,536th.

    Returns:
      bool [B, T, H].

    Raises:
      ValueError: rate is out of range.

    Source: Krueger et al. 2016, arXiv 1606.01305, section 3.2.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"zoneout_mask takes a rate from 0 to 1; got {rate}.")
    # Half as many random bits as a float asks for: they are what drawing costs.
    bits = jax.random.bits(key, (batch, steps, hidden_size), jnp.uint16)
    return bits.astype(jnp.int32) < round(rate * 2**16)
