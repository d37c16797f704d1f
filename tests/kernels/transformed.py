"""What tests of transformations share, whatever the kernel."""

import jax
import jax.numpy as jnp

PLATFORMS = ("cpu", "cuda", "tpu")


def stacked(*cases):
    """Cases of one shape as one, each leaf with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *cases)
