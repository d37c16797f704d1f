"""What people will think of a text: words by their pieces, a recurrent net, attention over words.

Sources: Bojanowski et al. 2017, arXiv 1607.04606, for the words; Graves and Schmidhuber 2005 for
the net in both directions; Yang et al. 2016 for the attention; Iyyer et al. 2015 for leaving out
whole words in training.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.nn import (
    GRU,
    LSTM,
    AttentionPooling,
    Bidirectional,
    Embedding,
    Linear,
    Stacked,
    dropout,
)
from nnarch.nn.keys import split_key

NONE = 0  # the number that stands for no piece


@dataclass(frozen=True)
class TextRaterConfig:
    """The size of the model, and what training leaves out."""

    embedding: int = 128
    """Length of a word's vector."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Of the recurrent layers."""
    hidden: int = 128
    """Units of each direction of a layer."""
    layers: int = 1
    """Recurrent layers."""
    attention: int = 64
    """Units of the score of a word."""
    dropout: float = 0.5
    """Of words' vectors, between layers and before the output."""
    word_dropout: float = 0.1
    """Share of whole words that are left out."""
    piece_dropout: float = 0.1
    """Share of the pieces of each word that are left out."""


class Read(NamedTuple):
    """What a text says."""

    ratings: Array  # [B]
    shares: Array  # [B, T]: how much each word was looked at; 0 past a row's length


class TextRater(nnx.Module):
    """Pieces of words to a rating.

    Args:
      config: sizes.
      pieces: how many there are.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: TextRaterConfig, *, pieces: int, key: Array):
        for_words, for_attention, for_output, *keys = jax.random.split(key, 3 + config.layers)
        widths = [config.embedding, *[2 * config.hidden] * config.layers]
        self.embedding = Embedding(pieces, config.embedding, key=for_words)
        self.stack = Stacked(
            [_both_ways(config, width, k) for width, k in zip(widths, keys, strict=False)],
            dropout_rate=config.dropout,
        )
        self.pooling = AttentionPooling(widths[-1], config.attention, key=for_attention)
        self.output = Linear(widths[-1], 1, key=for_output)
        self.config = config

    def __call__(
        self,
        pieces: Array,
        lengths: Array,
        *,
        hidden: Array | None = None,
        key: Array | None = None,
    ) -> Read:
        """Reads texts.

        Args:
          pieces: int32 [B, T, G], 0 for none; padding may hold anything.
          lengths: int32 [B], words of each text.
          hidden: bool [B, T], words that are not to be seen; none if left out.
          key: for the dropout; None means evaluation.
        """
        keys = split_key(key, 5)
        xs = self._words(pieces, lengths, keys[:2])
        if hidden is not None:
            xs = jnp.where(hidden[..., None], 0, xs)
        xs = dropout(xs, keys[2], self.config.dropout)
        ys, _ = self.stack(xs, lengths=lengths, key=keys[3])
        pooled, shares = self.pooling(ys, lengths)
        return Read(self.output(dropout(pooled, keys[4], self.config.dropout))[:, 0], shares)

    def _words(self, pieces: Array, lengths: Array, keys) -> Array:
        """[B, T, embedding]: the mean of each word's pieces, times the root of their number."""
        valid = jnp.arange(pieces.shape[1]) < lengths[:, None]
        there = (pieces != NONE) & valid[..., None]
        pieces = jnp.where(there, pieces, NONE)  # an index out of range would make NaN
        for_pieces, for_words = keys
        if for_pieces is not None:
            there &= jax.random.bernoulli(for_pieces, 1 - self.config.piece_dropout, there.shape)
            kept = jax.random.bernoulli(for_words, 1 - self.config.word_dropout, valid.shape)
            there &= kept[..., None]
        vectors = jnp.where(there[..., None], self.embedding(pieces), 0)
        count = jnp.sum(there, axis=-1, keepdims=True)
        return jnp.sum(vectors, axis=2) * jax.lax.rsqrt(jnp.maximum(count, 1).astype(vectors.dtype))


def _both_ways(config: TextRaterConfig, width: int, key: Array) -> Bidirectional:
    kind = {"lstm": LSTM, "gru": GRU}[config.cell]
    forward, backward = jax.random.split(key)
    return Bidirectional(
        kind(width, config.hidden, key=forward), kind(width, config.hidden, key=backward)
    )
