"""Keys that may be left out: a model that draws nothing, as in evaluation, is given none."""

import jax
from jax import Array


def split_key(key: Array | None, count: int = 2) -> list[Array | None]:
    """So many keys of one; as many times None of none."""
    return [None] * count if key is None else list(jax.random.split(key, count))


def fold_key(key: Array | None, number: int) -> Array | None:
    """The key of this number, such as a layer's depth; None of none."""
    return None if key is None else jax.random.fold_in(key, number)
