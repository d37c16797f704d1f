"""How much of the source a hypothesis has attended to.

    cp = beta * sum over valid i of log(min(sum over j of p_ij, 1)),    beta >= 0

p_ij is the share of its attention that step j gives to place i. cp <= 0; it is 0 where each place
has had a whole share. Source: Wu et al. 2016, arXiv 1609.08144, equation 14.
"""

import jax.numpy as jnp
from jax import Array

# A place that was never looked at would make every hypothesis -inf alike.
LEAST = float(jnp.finfo(jnp.float32).tiny)


def coverage_term(covered: Array, valid: Array, beta: float) -> Array:
    """covered [B, K, S], sums of shares, and valid, bool [B, S] -> cp [B, K]."""
    logs = jnp.log(jnp.clip(covered, LEAST, 1.0))
    return beta * jnp.sum(jnp.where(valid[:, None], logs, 0.0), axis=-1)
