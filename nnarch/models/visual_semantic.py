"""Pictures and texts as points of one unit sphere, near each other where they belong together.

    v = unit(norm(W · CNN(picture)))
    t = unit(h[T] of LSTM(E w[1], ..., E w[T]))        or unit(sum of E w), "sum"
    s(picture, text) = v · t

Source: Kiros et al. 2014, "Unifying visual-semantic embeddings with multimodal neural language
models", arXiv 1411.2539, section 2.2. The paper takes its CNN ready trained; here all is learned at
once, and norm is batch normalisation. Its figures of vector arithmetic come from the sum of words
in place of the LSTM.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from nnarch.nn import CNN, LSTM, BatchNorm, Embedding, Linear, dropout
from nnarch.nn.sequence import masked


@dataclass(frozen=True)
class VisualSemanticConfig:
    """What shapes the model; the vocabulary's size comes from the data."""

    text: Literal["lstm", "sum"] = "lstm"
    """How a text is read: word by word, or as the sum of its words' vectors."""
    features: int = 256
    """Dimensions of the space, and units of the LSTM."""
    embedding: int = 192
    """Length of a word's vector, where an LSTM reads it."""
    dropout: float = 0.1
    """Share of the word vectors, and of the CNN's features, that training zeroes."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels of the CNN's stages."""
    strides: tuple[int, ...] = (4, 2, 2)
    """By how much each stage divides the sides of its map."""
    block: Literal["plain", "residual"] = "plain"
    """What a stage of the CNN is: one convolution, or a residual block."""


class VisualSemantic(nnx.Module):
    """The model; `config` says which.

    Args:
      config: see VisualSemanticConfig.
      vocabulary: words, the special ones included.
      picture_size: pixels a side, which the picture vector's weights depend on.
      key: a typed key for all initial weights.
    """

    def __init__(
        self, config: VisualSemanticConfig, *, vocabulary: int, picture_size: int, key: Array
    ):
        keys = jax.random.split(key, 4)
        reads = config.text == "lstm"
        self.cnn = CNN(3, config.widths, strides=config.strides, key=keys[0], block=config.block)
        inputs = self.cnn.places(picture_size) * config.widths[-1]
        self.picture = Linear(inputs, config.features, key=keys[1])
        self.picture_norm = BatchNorm(config.features)
        words = config.embedding if reads else config.features
        self.embedding = Embedding(vocabulary, words, key=keys[2])
        self.lstm = LSTM(words, config.features, key=keys[3]) if reads else None
        self.config = config

    def pictures(self, pictures: Array, *, key: Array | None = None) -> Array:
        """Places pictures.

        Args:
          pictures: [B, S, S, 3], float from 0 to 1.
          key: for the dropout; None means evaluation.

        Returns:
          float32 [B, features], of unit length.
        """
        seen = self.cnn(2 * pictures - 1)
        seen = dropout(seen.reshape(len(seen), -1), key, self.config.dropout)
        return unit(self.picture_norm(self.picture(seen)))

    def texts(self, tokens: Array, lengths: Array, *, key: Array | None = None) -> Array:
        """Places texts.

        Args:
          tokens: int32 [B, L], right-padded; padding may hold any word.
          lengths: int32 [B], valid tokens of each row.
          key: for the dropout; None means evaluation.

        Returns:
          float32 [B, features], of unit length (of zeros, where a text has no words).
        """
        words = dropout(self.embedding(tokens), key, self.config.dropout)
        if self.lstm is None:
            return unit(jnp.sum(masked(words, lengths), axis=1))
        _, state = self.lstm(words, lengths=lengths)
        return unit(state.h)


def unit(vectors: Array) -> Array:
    """[..., D] scaled to length 1, in float32; a vector of zeros stays one."""
    exact = vectors.astype(jnp.float32)
    squares = jnp.sum(exact * exact, axis=-1, keepdims=True)
    return exact * lax.rsqrt(jnp.maximum(squares, 1e-12))
