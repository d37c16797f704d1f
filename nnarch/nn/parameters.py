"""How large a net is."""

import jax
from flax import nnx


def count_parameters(model: nnx.Module) -> int:
    """How many numbers it learns; `model` may hold shapes alone (`nnx.eval_shape`)."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
