"""A picture read by a convolutional network, told by an LSTM that looks at places of it.

    a[i]   = CNN(picture), a vector for each place i of its last map
    h[0]   = tanh(W_h mean a),  c[0] = tanh(W_c mean a)
    z[t]   = sum over i of share[t, i] a[i]
             share[t] = softmax over i of v . tanh(W_q h[t-1] + W_k a[i])
    h[t]   = LSTM([E w[t-1], z[t]], h[t-1])
    p(w[t] | w[..t-1], picture) = softmax(U (E w[t-1] + L_h h[t] + L_z z[t]))

Source: Xu et al. 2015, "Show, attend and tell: neural image caption generation with visual
attention", arXiv 1502.03044, with its deterministic ("soft") attention. The paper takes its CNN
ready trained; here all is learned at once.

The paper also scales z[t] by a gate, sigmoid(W_b h[t-1] + b). That stands between attention and
LSTM, inside the loop of `kernels.bahdanau_decoder`, which has no place for it: it is not to be had
here. The same end is served, through the same kernel, by a further place with a learned key and
nothing at it (`gate="nowhere"`): the share that the others are left with scales z[t].
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import LSTMState, Memory
from nnarch.models.show_and_tell import OUTPUT_GAIN
from nnarch.nn import CNN, BahdanauDecoder, Embedding, Linear, dropout
from nnarch.nn.keys import split_key


@dataclass(frozen=True)
class ShowAttendTellConfig:
    """What shapes the model; the vocabulary's size comes from the data."""

    hidden: int = 256
    """Units of the LSTM."""
    embedding: int = 192
    """Length of a word's vector, and of what words are scored from."""
    attention: int = 128
    """Units through which a state and a place are compared."""
    gate: Literal["none", "nowhere"] = "none"
    """Whether a step may look at nothing, and so read less of the picture."""
    dropout: float = 0.1
    """Share of the word vectors, the picture's channels and what words are scored from that
    training zeroes."""
    widths: tuple[int, ...] = (64, 128, 192)
    """Channels of the CNN's stages; the last is what a place holds."""
    strides: tuple[int, ...] = (4, 2, 1)
    """By how much each stage divides the sides of its map; what is left are the places."""
    block: Literal["plain", "residual"] = "plain"
    """What a stage of the CNN is: one convolution, or a residual block."""


class AttendState(NamedTuple):
    """What a caption in progress has come to; every leaf has the batch first."""

    lstm: LSTMState
    memory: Memory  # the places; it never changes


class Attended(NamedTuple):
    """Scores of every next word, and where each step looked."""

    logits: Array  # [B, L, V]; those at t are about tokens[:, t]
    maps: Array  # [B, L, Y, X] float32, the share of each place; 0 past a row's length


class ShowAttendTell(nnx.Module):
    """The model; `config` says which. Pictures of any size will do.

    Args:
      config: see ShowAttendTellConfig.
      vocabulary: words, the special ones included.
      start: the token that stands before the first word.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: ShowAttendTellConfig, *, vocabulary: int, start: int, key: Array):
        keys = jax.random.split(key, 7)
        channels, hidden, embedding = config.widths[-1], config.hidden, config.embedding
        self.cnn = CNN(3, config.widths, strides=config.strides, key=keys[0], block=config.block)
        self.initial_h = Linear(channels, hidden, key=keys[1])
        self.initial_c = Linear(channels, hidden, key=keys[2])
        self.embedding = Embedding(vocabulary, embedding, key=keys[3])
        self.decoder = BahdanauDecoder(embedding, channels, hidden, config.attention, key=keys[4])
        self.readout = Linear(hidden + channels, embedding, key=keys[5])
        self.output = Linear(embedding, vocabulary, key=keys[6])
        if config.gate == "nowhere":
            self.nowhere = nnx.Param(jnp.zeros(channels))
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
        return self.attend(pictures, tokens, lengths, key=key).logits

    def attend(
        self, pictures: Array, tokens: Array, lengths: Array, *, key: Array | None = None
    ) -> Attended:
        """As a call, with where each step looked: maps add up to 1, to less with "nowhere"."""
        keys = split_key(key, 3)
        features = self.encode(pictures, key=keys[0])
        before = jnp.roll(tokens, 1, axis=1).at[:, 0].set(self.start)
        logits, shares, _ = self._tell(before, self._begin(features), lengths, keys[1:])
        rows, columns = features.shape[1:3]
        shares = shares[..., : rows * columns]  # those of "nowhere" are left out
        return Attended(logits, shares.reshape(*tokens.shape, rows, columns))

    def encode(self, pictures: Array, *, key: Array | None = None) -> Array:
        """The places of pictures: [B, S, S, 3], float from 0 to 1, to [B, Y, X, widths[-1]]."""
        return dropout(self.cnn(2 * pictures - 1), key, self.config.dropout, shared_axes=(1, 2))

    def begin(self, pictures: Array, *, key: Array | None = None) -> AttendState:
        """The state before the first word."""
        return self._begin(self.encode(pictures, key=key))

    def step(self, state: AttendState, tokens: Array) -> tuple[Array, AttendState]:
        """Reads one word, int32 [B], and scores the next: logits [B, V] and the state after it."""
        logits, _, lstm = self._tell(tokens[:, None], state)
        return logits[:, 0], state._replace(lstm=lstm)

    def _begin(self, features: Array) -> AttendState:
        places = features.reshape(len(features), -1, features.shape[-1])
        mean = jnp.mean(places, axis=1)
        first = (jnp.tanh(layer(mean)) for layer in (self.initial_h, self.initial_c))
        lstm = LSTMState(*(each.astype(jnp.float32) for each in first))
        return AttendState(lstm, self._remembered(places))

    def _remembered(self, places: Array) -> Memory:
        if self.config.gate == "none":
            return self.decoder.memory(places)
        nothing = jnp.zeros_like(places[:, :1])
        keys = jnp.concatenate([places, nothing + self.nowhere[...]], axis=1)
        return self.decoder.memory(jnp.concatenate([places, nothing], axis=1), keys)

    def _tell(
        self,
        tokens: Array,
        state: AttendState,
        lengths: Array | None = None,
        keys: Array | tuple = (None, None),
    ) -> tuple[Array, Array, LSTMState]:
        """Reads words, int32 [B, L]: scores of what follows each, shares, and the last state."""
        words = dropout(self.embedding(tokens), keys[0], self.config.dropout)
        decoded, lstm = self.decoder(words, state.memory, state.lstm, lengths=lengths)
        read = jnp.concatenate([OUTPUT_GAIN * decoded.ys, decoded.contexts], axis=-1)
        said = words + self.readout(read)
        logits = self.output(dropout(said, keys[1], self.config.dropout))
        return logits, decoded.shares, lstm
