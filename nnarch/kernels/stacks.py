"""Reading and writing one slot of a stack inside a loop."""

from jax import Array, lax


def at(stack: Array, i: Array | int, *, axis: int = 0) -> Array:
    """The slot i, its axis dropped."""
    return lax.dynamic_index_in_dim(stack, i, axis, keepdims=False)


def put(stack: Array, value: Array, i: Array | int, *, axis: int = 0) -> Array:
    """The stack with another value in the slot i."""
    return lax.dynamic_update_index_in_dim(stack, value, i, axis)
