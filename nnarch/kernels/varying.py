"""Arrays under `shard_map`: a loop's carry has to vary over the same mesh axes at each step."""

from typing import TypeVar

import jax
from jax import Array, lax

Tree = TypeVar("Tree")


def varying_alike(tree: Tree) -> Tree:
    """Makes every leaf of a pytree vary over all mesh axes that any of them varies over.

    A replicated parameter beside sharded data is the case that matters: the transpose of this sums
    its gradient over the axes, so that a kernel need not know any of them by name. Outside
    `shard_map` nothing varies and the tree is returned as it is.
    """
    axes = frozenset().union(*(_varying(leaf) for leaf in jax.tree.leaves(tree)))
    return jax.tree.map(lambda leaf: _cast(leaf, axes), tree)


def varying_as(reference: Array, array: Array) -> Array:
    """Makes `array` vary over the mesh axes that `reference` varies over."""
    return _cast(array, _varying(reference))


def _varying(array: Array) -> frozenset[str]:
    return frozenset(jax.typeof(array).manual_axis_type.varying)


def _cast(array: Array, axes: frozenset[str]) -> Array:
    missing = tuple(sorted(axes - _varying(array)))
    return lax.pcast(array, missing, to="varying") if missing else array
