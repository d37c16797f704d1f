"""A picture read by a convolutional network, told by an LSTM.

    v    = norm(W · CNN(picture))
    once:        h[-1] = LSTM(v),  h[t] = LSTM(E w[t], h[t-1])     as published
    every_step:  h[t] = LSTM([E w[t]; v], h[t-1])
    p(w[t+1] | w[..t], picture) = softmax(U h[t])

Source: Vinyals et al. 2014, "Show and tell: a neural image caption generator", arXiv 1411.4555. The
paper takes its CNN ready trained; here all is learned at once, and norm, batch normalisation, keeps
v from running away from an LSTM that is still learning to read it.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import LSTMState
from nnarch.nn import CNN, LSTM, BatchNorm, Embedding, Linear, dropout
from nnarch.nn.keys import split_key

# What an LSTM gives lies between -1 and 1 and begins near 0, while Adam moves every weight by steps
# of one size: without a gain, the weights that score words learn slowest of all.
OUTPUT_GAIN = 10.0


@dataclass(frozen=True)
class ShowAndTellConfig:
    """What shapes the model; the vocabulary's size comes from the data."""

    picture_input: Literal["once", "every_step"] = "every_step"
    """When the LSTM sees the picture: before the first word, as published, or beside every word."""
    hidden: int = 192
    """Units of the LSTM."""
    embedding: int = 192
    """Length of a word's vector and of the picture's."""
    dropout: float = 0.1
    """Share of the word vectors, picture vector and LSTM outputs that training zeroes."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels of the CNN's stages."""
    strides: tuple[int, ...] = (4, 2, 2)
    """By how much each stage divides the sides of its map."""
    block: Literal["plain", "residual"] = "plain"
    """What a stage of the CNN is: one convolution, or a residual block."""
    output: Literal["separate", "tied"] = "separate"
    """Whether words are scored by a matrix of their own or by the word vectors."""


class DecoderState(NamedTuple):
    """What a caption in progress has come to; every leaf has the batch first."""

    lstm: LSTMState
    picture: Array  # [B, embedding]


class ShowAndTell(nnx.Module):
    """The model; `config` says which.

    Args:
      config: see ShowAndTellConfig.
      vocabulary: words, the special ones included.
      picture_size: pixels a side, which the picture vector's weights depend on.
      start: the token that stands before the first word.
      key: a typed key for all initial weights.
    """

    def __init__(
        self,
        config: ShowAndTellConfig,
        *,
        vocabulary: int,
        picture_size: int,
        start: int,
        key: Array,
    ):
        keys = jax.random.split(key, 5)
        inputs = config.embedding * (2 if config.picture_input == "every_step" else 1)
        self.cnn = CNN(3, config.widths, strides=config.strides, key=keys[0], block=config.block)
        places = self.cnn.places(picture_size)
        self.picture = Linear(places * config.widths[-1], config.embedding, key=keys[1])
        self.picture_norm = BatchNorm(config.embedding)
        self.embedding = Embedding(vocabulary, config.embedding, key=keys[2])
        self.lstm = LSTM(inputs, config.hidden, key=keys[3])
        scored = vocabulary if config.output == "separate" else config.embedding
        self.output = Linear(config.hidden, scored, key=keys[4])
        self.config = config
        self.start = start

    def __call__(
        self, pictures: Array, tokens: Array, lengths: Array, *, key: Array | None = None
    ) -> Array:
        """Scores every next word of known captions (teacher forcing).

        Args:
          pictures: [B, S, S, 3], float from 0 to 1.
          tokens: int32 [B, L], right-padded; the start token is not part of them.
          lengths: int32 [B], valid tokens of each row.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, L, V]: those at position t are about tokens[:, t]. Meaningless in padding.
        """
        keys = split_key(key, 4)
        state = self.begin(pictures, key=keys[0])
        before = jnp.roll(tokens, 1, axis=1).at[:, 0].set(self.start)
        xs = self._inputs(before, state.picture)
        xs = dropout(xs, keys[1], self.config.dropout)
        ys, _ = self.lstm(xs, state.lstm, lengths=lengths)
        return self._scores(dropout(ys, keys[2], self.config.dropout))

    def encode(self, pictures: Array, *, key: Array | None = None) -> Array:
        """The picture vector: [B, S, S, 3], float from 0 to 1, to [B, embedding]."""
        features = self.cnn(2 * pictures - 1)
        vectors = self.picture_norm(self.picture(features.reshape(len(features), -1)))
        return dropout(vectors, key, self.config.dropout)

    def begin(self, pictures: Array, *, key: Array | None = None) -> DecoderState:
        """The state before the first word."""
        vectors = self.encode(pictures, key=key)
        if self.config.picture_input == "once":
            _, state = self.lstm(vectors[:, None])
        else:
            nothing = jnp.zeros((len(vectors), self.config.hidden), jnp.float32)
            state = LSTMState(nothing, nothing)
        return DecoderState(state, vectors)

    def step(self, state: DecoderState, tokens: Array) -> tuple[Array, DecoderState]:
        """Reads one word, int32 [B], and scores the next: logits [B, V] and the state after it."""
        xs = self._inputs(tokens[:, None], state.picture)
        ys, lstm = self.lstm(xs, state.lstm)
        return self._scores(ys)[:, 0], state._replace(lstm=lstm)

    def _inputs(self, tokens: Array, picture: Array) -> Array:
        words = self.embedding(tokens)
        if self.config.picture_input == "once":
            return words
        beside = jnp.broadcast_to(picture[:, None], (*words.shape[:2], picture.shape[-1]))
        return jnp.concatenate([words, beside.astype(words.dtype)], axis=-1)

    def _scores(self, ys: Array) -> Array:
        scores = self.output(OUTPUT_GAIN * ys)
        return scores if self.config.output == "separate" else self.embedding.logits(scores)
