"""How large a net is, and how wide it has to be to be that large."""

from collections.abc import Callable

import jax
from flax import nnx
from jax import Array

Create = Callable[[Array], nnx.Module]
"""A typed key -> the model."""


def count_parameters(model: nnx.Module) -> int:
    """How many numbers it learns; `model` may hold shapes alone (`nnx.eval_shape`)."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def parameters_of(create: Create) -> int:
    """How many numbers a net learns; nothing is drawn."""
    return count_parameters(nnx.eval_shape(create, jax.random.key(0)))


def fitting_width(count: Callable[[int], int], wanted: int) -> int:
    """The width whose number of parameters is nearest to what is wanted.

    Args:
      count: width -> number of parameters, which grows with the width.
      wanted: parameters.
    """
    low, high = 1, 2
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min((low, high), key=lambda width: abs(count(width) - wanted))
