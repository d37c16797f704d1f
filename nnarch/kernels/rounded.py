"""Products of operands that are rounded to a dtype, with sums of a wider one, on any platform."""

import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator


def rounded_einsum(letters: str, left: Array, right: Array, operand: jnp.dtype) -> Array:
    """The einsum of both, rounded to `operand`; sums are float32 (float64 if that is).

    A CPU multiplies what was rounded in float32: it is faster so, and XLA's CPU backend has no
    product of two bfloat16 arrays that gives float32 for some shapes (BF16 x BF16 = F32, of 2 rows
    of 8 numbers for one).
    """
    exact = accumulator(operand)
    left, right = left.astype(operand), right.astype(operand)
    if operand == exact:
        return jnp.einsum(letters, left, right, preferred_element_type=exact)

    def widened(left, right):
        return jnp.einsum(letters, left.astype(exact), right.astype(exact))

    def as_they_are(left, right):
        return jnp.einsum(letters, left, right, preferred_element_type=exact)

    return lax.platform_dependent(left, right, cpu=widened, default=as_they_are)
