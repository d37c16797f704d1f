"""The distribution of the next token, as searches read it."""

import jax
import jax.numpy as jnp
from jax import Array

_LARGEST = float(jnp.finfo(jnp.float32).max)


def token_log_probs(logits: Array) -> Array:
    """log p of each token, float32; NaN counts as -inf, and +inf as the largest number.

    Where no token is likelier than -inf, all are -inf.
    """
    logits = logits.astype(jnp.float32)
    logits = jnp.minimum(jnp.where(jnp.isnan(logits), -jnp.inf, logits), _LARGEST)
    log_probs = jax.nn.log_softmax(logits)
    return jnp.where(jnp.isnan(log_probs), -jnp.inf, log_probs)
