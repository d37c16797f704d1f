"""A clip told in words: three decoders over the same convolutional network for frames.

    v[t] = CNN(frame t)

    s2vt       one stack of two LSTMs. While it reads frames it is fed no words, then it tells words
               and is fed no frames:
               h1[t] = LSTM1(v[t]),  h2[t] = LSTM2([h1[t], 0])        over the frames, then
               h1[t] = LSTM1(0),     h2[t] = LSTM2([h1[t], E w[t]])   over the words
    mean_pool  h1[t] = LSTM1(E w[t]),  h2[t] = LSTM2([h1[t], mean v])
    attention  h[t]  = LSTM([E w[t], z[t]]),  z[t] = sum over frames of share[t, s] m[s]
               share[t] = softmax over s of u . tanh(W_q h[t-1] + W_k m[s])

What attention looks at, m, holds what moves around a frame, a product with three frames in a row,
in the place of the paper's 3-D convolutions; or the outputs of an LSTM that has read all frames up
to this one. Attention itself, like a mean, does not know which frame came first.

Sources: s2vt: Venugopalan et al. 2015, "Sequence to sequence - video to text", arXiv 1505.00487;
mean_pool: Venugopalan et al. 2014, "Translating videos to natural language using deep recurrent
neural networks", arXiv 1412.4729; attention: Yao et al. 2015, "Describing videos by exploiting
temporal structure", arXiv 1502.08029. The papers take their CNNs ready trained; here all is learned
at once.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import LSTMState, Memory
from nnarch.models.frame_encoder import FRAMES, FrameEncoder, FrameEncoderConfig
from nnarch.models.show_and_tell import OUTPUT_GAIN
from nnarch.nn import LSTM, BahdanauDecoder, Embedding, Linear, dropout
from nnarch.nn.keys import split_key


@dataclass(frozen=True)
class VideoCaptionerConfig:
    """What shapes the model; the vocabulary's size comes from the data."""

    decoder: Literal["s2vt", "mean_pool", "attention"] = "s2vt"
    """How frames become words."""
    memory: Literal["motion", "recurrent"] = "motion"
    """What attention looks at: frames with their neighbours, as published, or an LSTM over them."""
    hidden: int = 128
    """Units of each LSTM."""
    embedding: int = 128
    """Length of a word's vector."""
    attention: int = 64
    """Units through which a state and a frame are compared."""
    frames: FrameEncoderConfig = FRAMES
    """How a frame becomes a vector."""
    dropout: float = 0.1
    """Share of the word vectors and the LSTM's outputs that training zeroes."""


class _VideoCaptioner(nnx.Module):
    """What the decoders have in common. A subclass has `_begin` and `_tell`.

    Args:
      config: see VideoCaptionerConfig.
      vocabulary: words, the special ones included.
      size: pixels a side of a frame.
      channels: of a frame.
      start: the token that stands before the first word.
      key: a typed key for the initial weights that all decoders have.
    """

    def __init__(
        self,
        config: VideoCaptionerConfig,
        *,
        vocabulary: int,
        size: int,
        channels: int,
        start: int,
        key: Array,
    ):
        keys = jax.random.split(key, 4)
        self.frames = FrameEncoder(config.frames, size=size, channels=channels, key=keys[0])
        self.embedding = Embedding(vocabulary, config.embedding, key=keys[1])
        self.output = Linear(config.hidden, vocabulary, key=keys[2])
        self.config, self.start = config, start
        self._build(keys[3])

    def __call__(
        self, clips: Array, tokens: Array, lengths: Array, *, key: Array | None = None
    ) -> Array:
        """Scores every next word of known sentences (teacher forcing).

        Args:
          clips: [B, T, S, S, channels], float from 0 to 1.
          tokens: int32 [B, L], right-padded; the start token is not part of them.
          lengths: int32 [B], valid tokens of each row.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, L, V]: those at position t are about tokens[:, t]. Meaningless in padding.
        """
        for_frames, *keys = split_key(key, 3)
        before = jnp.roll(tokens, 1, axis=1).at[:, 0].set(self.start)
        words = dropout(self.embedding(before), keys[0], self.config.dropout)
        ys, _ = self._tell(words, self.begin(clips, key=for_frames), lengths)
        return self.output(OUTPUT_GAIN * dropout(ys, keys[1], self.config.dropout))

    def begin(self, clips: Array, *, key: Array | None = None) -> Any:
        """The state before the first word; every leaf has the batch first."""
        return self._begin(self.frames(clips, key=key))

    def step(self, state: Any, tokens: Array) -> tuple[Array, Any]:
        """Reads one word, int32 [B], and scores the next: logits [B, V] and the state after it."""
        ys, state = self._tell(self.embedding(tokens[:, None]), state)
        return self.output(OUTPUT_GAIN * ys[:, 0]), state

    def _build(self, key: Array) -> None:
        """Makes the weights of a decoder of its own."""
        raise NotImplementedError

    def _begin(self, features: Array) -> Any:
        """What frames, [B, T, features], leave behind."""
        raise NotImplementedError

    def _tell(self, words: Array, state: Any, lengths: Array | None = None) -> tuple[Array, Any]:
        """Reads words, [B, L, embedding]: what the next ones are scored from, and the state."""
        raise NotImplementedError


class S2VTState(NamedTuple):
    """Both LSTMs'."""

    first: LSTMState
    second: LSTMState


class S2VT(_VideoCaptioner):
    """Two LSTMs that read, and then tell."""

    def _build(self, key: Array) -> None:
        first, second = jax.random.split(key)
        hidden, width = self.config.hidden, self.config.frames.features
        self.first = LSTM(width, hidden, key=first)
        self.second = LSTM(hidden + self.config.embedding, hidden, key=second)

    def _begin(self, features: Array) -> S2VTState:
        no_words = jnp.zeros((*features.shape[:2], self.config.embedding), features.dtype)
        return self._run(features, no_words, S2VTState(None, None))[1]

    def _tell(
        self, words: Array, state: S2VTState, lengths: Array | None = None
    ) -> tuple[Array, S2VTState]:
        no_frames = jnp.zeros((*words.shape[:2], self.config.frames.features), words.dtype)
        return self._run(no_frames, words, state, lengths)

    def _run(
        self, frames: Array, words: Array, state: S2VTState, lengths: Array | None = None
    ) -> tuple[Array, S2VTState]:
        lower, first = self.first(frames, state.first, lengths=lengths)
        both = jnp.concatenate([lower, words.astype(lower.dtype)], axis=-1)
        ys, second = self.second(both, state.second, lengths=lengths)
        return ys, S2VTState(first, second)


class MeanPoolState(NamedTuple):
    """Both LSTMs', and the mean of all frames."""

    first: LSTMState
    second: LSTMState
    mean: Array  # [B, features]


class MeanPool(_VideoCaptioner):
    """Two LSTMs that tell what the frames are on average; which came first is lost."""

    def _build(self, key: Array) -> None:
        first, second = jax.random.split(key)
        hidden, width = self.config.hidden, self.config.frames.features
        self.first = LSTM(self.config.embedding, hidden, key=first)
        self.second = LSTM(hidden + width, hidden, key=second)

    def _begin(self, features: Array) -> MeanPoolState:
        nothing = jnp.zeros((len(features), self.config.hidden), jnp.float32)
        state = LSTMState(nothing, nothing)
        return MeanPoolState(state, state, jnp.mean(features, axis=1))

    def _tell(
        self, words: Array, state: MeanPoolState, lengths: Array | None = None
    ) -> tuple[Array, MeanPoolState]:
        lower, first = self.first(words, state.first, lengths=lengths)
        beside = jnp.broadcast_to(state.mean[:, None], (*lower.shape[:2], state.mean.shape[-1]))
        both = jnp.concatenate([lower, beside.astype(lower.dtype)], axis=-1)
        ys, second = self.second(both, state.second, lengths=lengths)
        return ys, MeanPoolState(first, second, state.mean)


class AttentionState(NamedTuple):
    """The LSTM's, and what is looked at; that never changes."""

    lstm: LSTMState
    memory: Memory


class TemporalAttention(_VideoCaptioner):
    """An LSTM that looks at frames before each word."""

    def _build(self, key: Array) -> None:
        keys = jax.random.split(key, 5)
        config, width = self.config, self.config.frames.features
        hidden, recurrent = config.hidden, config.memory == "recurrent"
        kept = hidden if recurrent else width
        self.around = (
            LSTM(width, kept, key=keys[0]) if recurrent else Linear(3 * width, kept, key=keys[0])
        )
        self.initial_h = Linear(kept, hidden, key=keys[1])
        self.initial_c = Linear(kept, hidden, key=keys[2])
        self.decoder = BahdanauDecoder(
            config.embedding, kept, hidden, config.attention, key=keys[3], scaled=True
        )
        self.readout = Linear(hidden + kept, hidden, key=keys[4])

    def attend(self, clips: Array, tokens: Array) -> Array:
        """Where each word of known sentences looked: shares [B, L, T] float32, adding up to 1."""
        before = jnp.roll(tokens, 1, axis=1).at[:, 0].set(self.start)
        return self._decode(self.embedding(before), self.begin(clips))[1]

    def _begin(self, features: Array) -> AttentionState:
        values = self._remembered(features)
        mean = jnp.mean(values, axis=1)
        first = (jnp.tanh(layer(mean)) for layer in (self.initial_h, self.initial_c))
        lstm = LSTMState(*(each.astype(jnp.float32) for each in first))
        return AttentionState(lstm, self.decoder.memory(values))

    def _remembered(self, features: Array) -> Array:
        if self.config.memory == "recurrent":
            return self.around(features)[0]
        padded = jnp.pad(features, ((0, 0), (1, 1), (0, 0)))
        around = jnp.concatenate([padded[:, :-2], features, padded[:, 2:]], axis=-1)
        return jax.nn.relu(self.around(around))

    def _tell(
        self, words: Array, state: AttentionState, lengths: Array | None = None
    ) -> tuple[Array, AttentionState]:
        ys, _, lstm = self._decode(words, state, lengths)
        return ys, state._replace(lstm=lstm)

    def _decode(
        self, words: Array, state: AttentionState, lengths: Array | None = None
    ) -> tuple[Array, Array, LSTMState]:
        decoded, lstm = self.decoder(words, state.memory, state.lstm, lengths=lengths)
        read = jnp.concatenate([decoded.ys, decoded.contexts], axis=-1)
        return jnp.tanh(self.readout(read)), decoded.shares, lstm


DECODERS = {"s2vt": S2VT, "mean_pool": MeanPool, "attention": TemporalAttention}
VideoCaptioner = S2VT | MeanPool | TemporalAttention


def video_captioner(
    config: VideoCaptionerConfig,
    *,
    vocabulary: int,
    size: int,
    channels: int,
    start: int,
    key: Array,
) -> VideoCaptioner:
    """The model that `config` says; arguments as of the classes."""
    return DECODERS[config.decoder](
        config, vocabulary=vocabulary, size=size, channels=channels, start=start, key=key
    )
