"""The dtypes that kernels compute in."""

import jax
import jax.numpy as jnp


def accumulator(operand: jnp.dtype) -> jnp.dtype:
    """The dtype of states and sums: float64 for float64 where JAX has it, float32 for all else."""
    exact = jnp.float64 if operand == jnp.float64 else jnp.float32
    return jax.dtypes.canonicalize_dtype(exact)
