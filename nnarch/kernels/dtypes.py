"""The dtypes that kernels compute in."""

import jax.numpy as jnp


def accumulator(operand: jnp.dtype) -> jnp.dtype:
    """The dtype of states and sums: float64 for float64, float32 for every other."""
    return jnp.dtype(jnp.float64 if operand == jnp.float64 else jnp.float32)
