"""A decoder that looks at the source after each word, and is fed what it said last.

    s[t] = cell([E y[t-1], o[t-1]], s[t-1]);   c[t] = attention(s[t], h)
    o[t] = tanh(W [c[t], s[t]]);   p(y[t] | y[..t-1], source) = softmax(U o[t])

Source: Luong, Pham and Manning 2015, "Effective approaches to attention-based neural machine
translation", arXiv 1508.04025: global attention with input feeding, four layers of 1,000 units.
There o[t-1] enters the lowest of the decoder's layers, which puts all of them into the loop that
attends; here it enters the highest, and those below run as layers of their own.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels import LuongState, Memory
from nnarch.models.source_encoder import ENCODER, Bridge, Encoded, EncoderConfig, make_cells
from nnarch.models.translator import Said, Translator, TranslatorState
from nnarch.nn import LuongDecoder, Stacked, dropout
from nnarch.nn.keys import split_key


@dataclass(frozen=True)
class LuongConfig:
    """The size of the model."""

    encoder: EncoderConfig = ENCODER
    """What reads the source, and which cell the decoder's layers are of."""
    embedding: int = 256
    """Length of a target word's vector."""
    hidden: int = 320
    """Units of each of the decoder's layers."""
    layers: int = 1
    """Of the decoder; the highest attends."""
    output: int = 320
    """Units of o, of which words are scored and which is fed."""
    score: Literal["general", "dot", "additive"] = "general"
    """How a place of the source is scored."""
    scaled: bool = True
    """Whether scores are divided by the root of their width; the paper's are not, and were trained
    by plain gradient descent (see nn.LuongDecoder)."""
    dropout: float = 0.15
    """Share of word vectors, of what goes from layer to layer, and of o where words are scored
    that training zeroes."""


class LuongStates(NamedTuple):
    """The states of the decoder's layers."""

    below: tuple[Any, ...]
    top: LuongState


class Luong(Translator):
    """The model; `config` says which.

    Args:
      config: sizes.
      source_words, target_words: of the vocabularies.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: LuongConfig, *, source_words: int, target_words: int, key: Array):
        shared, for_bridge, for_top, *keys = jax.random.split(key, config.layers + 2)
        super().__init__(
            config,
            said=config.output,
            source_words=source_words,
            target_words=target_words,
            key=shared,
        )
        self.bridge = Bridge(config.encoder, config.hidden, config.layers, key=for_bridge)
        layers = make_cells(config.encoder, config.embedding, config.hidden, keys=keys)
        self.below = Stacked(layers, dropout_rate=config.dropout)
        self.top = LuongDecoder(
            config.hidden if keys else config.embedding,
            self.encoder.width,
            config.hidden,
            config.output,
            key=for_top,
            cell=config.encoder.cell,
            score=config.score,
            reset=config.encoder.reset,
            scaled=config.scaled,
        )

    def _begin(self, encoded: Encoded) -> tuple[LuongStates, Memory]:
        *below, top = self.bridge(encoded.finals)
        fed = jnp.zeros((len(top.h), self.top.b_out.shape[0]), top.h.dtype)
        memory = self.top.memory(encoded.states, lengths=encoded.lengths)
        return LuongStates(tuple(below), LuongState(top, fed)), memory

    def _say(
        self, words: Array, state: TranslatorState, lengths: Array | None, key: Array | None
    ) -> Said:
        between, at_top = split_key(key)
        xs, below = self.below(words, state.decoder.below, lengths=lengths, key=between)
        if below:
            xs = dropout(xs, at_top, self.dropout_rate)
        decoded, top = self.top(xs, state.memory, state.decoder.top, lengths=lengths)
        return Said(decoded.ys, decoded.shares, LuongStates(below, top))
