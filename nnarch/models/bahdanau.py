"""A decoder that looks at the source before each word.

    c[t] = attention(s[t-1], h);   s[t] = cell([E y[t-1], c[t]], s[t-1])
    o[t] = maxout(W [s[t], c[t], E y[t-1]]);   p(y[t] | y[..t-1], source) = softmax(U o[t])

Source: Bahdanau, Cho and Bengio 2014, "Neural machine translation by jointly learning to align and
translate", arXiv 1409.0473: GRUs of 1,000 units with the reset gate before the product, words of
620, 500 units of maxout. The output reads s[t], as the paper's section 3.1 has it.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels import GRUState, LSTMState, Memory
from nnarch.models.source_encoder import ENCODER, Bridge, Encoded, EncoderConfig
from nnarch.models.translator import Said, Translator, TranslatorState
from nnarch.nn import BahdanauDecoder, Linear


@dataclass(frozen=True)
class BahdanauConfig:
    """The size of the model."""

    encoder: EncoderConfig = ENCODER
    """What reads the source, and which cell the decoder is of."""
    embedding: int = 256
    """Length of a target word's vector."""
    hidden: int = 320
    """Units of the decoder."""
    attention: int = 256
    """Units through which a state and a place of the source are compared, if additive."""
    score: Literal["additive", "general", "dot"] = "additive"
    """How a place is scored."""
    scaled: bool = True
    """Whether scores are divided by the root of their width (see nn.BahdanauDecoder)."""
    maxout: int = 256
    """Units of which words are scored, each the larger one of two."""
    dropout: float = 0.15
    """Share of word vectors, between the encoder's layers, and of maxout units that training
    zeroes."""


class Bahdanau(Translator):
    """The model; `config` says which.

    Args:
      config: sizes.
      source_words, target_words: of the vocabularies.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: BahdanauConfig, *, source_words: int, target_words: int, key: Array):
        keys = jax.random.split(key, 4)
        super().__init__(
            config,
            said=config.maxout,
            source_words=source_words,
            target_words=target_words,
            key=keys[0],
        )
        width = self.encoder.width
        self.bridge = Bridge(config.encoder, config.hidden, 1, key=keys[1])
        self.decoder = BahdanauDecoder(
            config.embedding,
            width,
            config.hidden,
            config.attention,
            key=keys[2],
            cell=config.encoder.cell,
            score=config.score,
            reset=config.encoder.reset,
            scaled=config.scaled,
        )
        read = config.hidden + width + config.embedding
        self.readout = Linear(read, 2 * config.maxout, key=keys[3])

    def _begin(self, encoded: Encoded) -> tuple[LSTMState | GRUState, Memory]:
        (state,) = self.bridge(encoded.finals)
        return state, self.decoder.memory(encoded.states, lengths=encoded.lengths)

    def _say(
        self, words: Array, state: TranslatorState, lengths: Array | None, key: Array | None
    ) -> Said:
        decoded, final = self.decoder(words, state.memory, state.decoder, lengths=lengths)
        read = jnp.concatenate([decoded.ys, decoded.contexts, words], axis=-1)
        pairs = self.readout(read).reshape(*words.shape[:2], -1, 2)
        return Said(jnp.max(pairs, axis=-1), decoded.shares, final)
