"""Vectors for words, and the words' scores from a vector."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


class Embedding(nnx.Module):
    """A table with one row for each word of a vocabulary.

    The same table can score words (Press & Wolf 2017, "Using the output embedding"), which ties
    input and output: `Embedding.logits`.

    Parameter: table [vocabulary, features], normal with deviation features ** -0.5.
    """

    def __init__(self, vocabulary: int, features: int, *, key: Array):
        scale = features**-0.5
        self.table = nnx.Param(scale * jax.random.normal(key, (vocabulary, features)))

    def __call__(self, tokens: Array) -> Array:
        """Looks up int32 [...] and gives [..., features]. An index out of range gives NaN."""
        return jnp.take(self.table[...], tokens, axis=0)

    def logits(self, xs: Array) -> Array:
        """Scores every word by its row: xs [..., features] to [..., vocabulary]."""
        table = self.table[...]
        return xs.astype(table.dtype) @ table.T
