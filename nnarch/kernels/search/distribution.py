"""The distribution of the next token, as searches read it."""

import jax
import jax.numpy as jnp
from jax import Array


def token_log_probs(logits: Array) -> Array:
    """log p of each token, float32; NaN counts as -inf."""
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return jnp.where(jnp.isnan(log_probs), -jnp.inf, log_probs)
