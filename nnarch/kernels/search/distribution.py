"""The distribution of the next token, as searches read it."""

import jax
import jax.numpy as jnp
from jax import Array


def token_log_probs(logits: Array) -> Array:
    """log p of each token, float32; a token of NaN counts as one of -inf.

    Where no token is likelier than -inf, all are -inf; so they are where one is +inf.
    """
    logits = logits.astype(jnp.float32)
    log_probs = jax.nn.log_softmax(jnp.where(jnp.isnan(logits), -jnp.inf, logits))
    return jnp.where(jnp.isnan(log_probs), -jnp.inf, log_probs)
