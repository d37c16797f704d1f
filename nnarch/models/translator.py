"""What all translators have in common: an encoder, a decoder that reads words, scores of words.

A model is an encoder and a subclass that says how its decoder begins and what it says of words. The
same `decode` runs over whole sentences and over one word, so that teacher forcing and decoding step
by step cannot part; the source is read once, in `begin`.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import Memory
from nnarch.models.source_encoder import Encoded, EncoderConfig, SourceEncoder
from nnarch.nn import Embedding, Linear, dropout
from nnarch.nn.keys import split_key
from nnarch.nn.sequence import masked


class TranslatorState(NamedTuple):
    """What a translation in progress has come to; every leaf has the batch first."""

    decoder: Any  # the states of its layers
    memory: Memory | None  # what is attended to; it never changes
    shares: Array  # [B, S] float32, where the last step looked; S is 0 where nothing is attended to


class Said(NamedTuple):
    """What a decoder says of each word it reads, before words are scored."""

    ys: Array  # [B, T, features]
    shares: Array  # [B, T, S]
    decoder: Any  # the states of its layers after it


class Decoded(NamedTuple):
    """Scores of every next word, and where each step looked."""

    logits: Array  # [B, T, V]; those at t are about the word after tokens[:, t]
    shares: Array  # [B, T, S] float32, 0 in padding of source and target
    state: TranslatorState


class Sizes(Protocol):
    """What the config of every translator has."""

    encoder: EncoderConfig
    embedding: int
    dropout: float


class Translator(nnx.Module):
    """The interface of all translators.

    A subclass has `_begin(encoded)`, giving its decoder's state and its memory or None, and
    `_say(words [B, T, embedding], state, lengths, key)`, giving `Said`.

    Args:
      config: sizes; dropout is of word vectors, between layers, and of what is said.
      said: features of what the decoder says.
      source_words: of the source's vocabulary.
      target_words: of the target's vocabulary.
      key: a typed key for the initial weights.
    """

    def __init__(
        self, config: Sizes, *, said: int, source_words: int, target_words: int, key: Array
    ):
        keys = jax.random.split(key, 3)
        self.encoder = SourceEncoder(
            config.encoder, words=source_words, dropout_rate=config.dropout, key=keys[0]
        )
        self.embedding = Embedding(target_words, config.embedding, key=keys[1])
        self.output = Linear(said, target_words, key=keys[2])
        self.dropout_rate = config.dropout

    def __call__(
        self,
        source: Array,
        source_lengths: Array,
        target_in: Array,
        target_lengths: Array,
        *,
        key: Array | None = None,
    ) -> Array:
        """Scores every next word of known translations (teacher forcing).

        Args:
          source: int32 [B, S], right-padded; padding may hold anything.
          source_lengths: int32 [B], valid tokens of each row.
          target_in: int32 [B, T], right-padded: the start token, and the translation but for its
            last token.
          target_lengths: int32 [B], valid tokens of target_in.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, T, V]: those at t are about the token after target_in[:, t]. Meaningless in
          padding.
        """
        return self.align(source, source_lengths, target_in, target_lengths, key=key).logits

    def align(
        self,
        source: Array,
        source_lengths: Array,
        target_in: Array,
        target_lengths: Array,
        *,
        key: Array | None = None,
    ) -> Decoded:
        """As a call, with where each step looked: the attention map of a known translation."""
        for_source, for_target = split_key(key)
        state = self.begin(source, source_lengths, key=for_source)
        return self.decode(state, target_in, target_lengths, key=for_target)

    def begin(
        self, source: Array, source_lengths: Array, *, key: Array | None = None
    ) -> TranslatorState:
        """Reads the source, int32 [B, S]: the state before the first target word."""
        decoder, memory = self._begin(self.encoder(source, source_lengths, key=key))
        places = 0 if memory is None else source.shape[1]
        return TranslatorState(decoder, memory, jnp.zeros((len(source), places), jnp.float32))

    def decode(
        self,
        state: TranslatorState,
        tokens: Array,
        lengths: Array | None = None,
        *,
        key: Array | None = None,
    ) -> Decoded:
        """Reads words, int32 [B, T], those of each row up to its length, T if left out."""
        keys = split_key(key, 3)
        if lengths is not None:
            lengths = jnp.asarray(lengths)
            tokens = masked(tokens, lengths)  # as in the encoder
        words = dropout(self.embedding(tokens), keys[0], self.dropout_rate)
        said = self._say(words, state, lengths, keys[1])
        logits = self.output(dropout(said.ys, keys[2], self.dropout_rate))
        looked = _of_last_step(said.shares, lengths, before=state.shares)
        after = state._replace(decoder=said.decoder, shares=looked)
        return Decoded(logits, said.shares, after)

    def step(self, state: TranslatorState, tokens: Array) -> tuple[Array, TranslatorState]:
        """Reads one word, int32 [B], and scores the next: logits [B, V] and the state after it."""
        decoded = self.decode(state, tokens[:, None])
        return decoded.logits[:, 0], decoded.state

    @staticmethod
    def attended(state: TranslatorState) -> tuple[Array, Array]:
        """Where the last step looked, [B, S], and which places are the source's, bool [B, S]."""
        valid = state.shares > 0 if state.memory is None else state.memory.valid
        return state.shares, valid

    def _begin(self, encoded: Encoded) -> tuple[Any, Memory | None]:
        raise NotImplementedError

    def _say(
        self, words: Array, state: TranslatorState, lengths: Array | None, key: Array | None
    ) -> Said:
        raise NotImplementedError


def _of_last_step(shares: Array, lengths: Array | None, *, before: Array) -> Array:
    """Of steps [B, T, S] each row's last up to its length, or what was before where it has none."""
    if lengths is None:
        return shares[:, -1]
    steps = jnp.concatenate([before[:, None], shares], axis=1)
    return jnp.take_along_axis(steps, lengths[:, None, None], axis=1, mode="clip")[:, 0]
