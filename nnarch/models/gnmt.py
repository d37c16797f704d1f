"""Deep LSTMs whose layers hand on what they read, and one attention for all of them.

Encoder: the first layer reads in both directions, the others forward; from the third layer on, a
layer's input is added to its output. Decoder:

    a[t] = attention(y1[t-1], h);   y1[t] = LSTM_1([E w[t-1], a[t]])
    y2[t] = LSTM_2([y1[t], a[t]]);   yk[t] = LSTM_k([y(k-1)[t], a[t]]) + y(k-1)[t]  for k > 2
    p(w[t] | w[..t-1], source) = softmax(U yK[t])

Only the first layer stands in the loop that attends: the others read contexts that are known, as
layers of their own. The decoder begins with zeros: all that it learns of the source, it attends to.

Source: Wu et al. 2016, "Google's neural machine translation system", arXiv 1609.08144, section 3.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import GRUState, LSTMState, Memory
from nnarch.kernels.dtypes import accumulator
from nnarch.models.source_encoder import Encoded, EncoderConfig, make_cell
from nnarch.models.translator import Said, Translator, TranslatorState
from nnarch.nn import BahdanauDecoder, dropout
from nnarch.nn.keys import fold_key

RESIDUAL_FROM = 2  # the third layer, of encoder and decoder
SMALL_ENCODER = EncoderConfig(layers=3, directions="first", residual_from=RESIDUAL_FROM)


@dataclass(frozen=True)
class GNMTConfig:
    """The size of the model."""

    encoder: EncoderConfig = SMALL_ENCODER
    """What reads the source, and which cell the decoder's layers are of."""
    embedding: int = 256
    """Length of a target word's vector."""
    hidden: int = 320
    """Units of each of the decoder's layers."""
    layers: int = 3
    """Of the decoder; the lowest attends."""
    attention: int = 256
    """Units through which a state and a place of the source are compared."""
    scaled: bool = True
    """Whether scores are divided by the root of their width (see nn.BahdanauDecoder)."""
    dropout: float = 0.15
    """Share of word vectors, of what goes from layer to layer, and of the last layer's outputs
    that training zeroes."""


PUBLISHED = GNMTConfig(
    encoder=EncoderConfig(
        embedding=1024, hidden=1024, layers=8, directions="first", residual_from=RESIDUAL_FROM
    ),
    embedding=1024,
    hidden=1024,
    layers=8,
    attention=1024,
    dropout=0.2,
)
PUBLISHED_WORDS = 32_000  # pieces of each language


class GNMT(Translator):
    """The model; `config` says which.

    Args:
      config: sizes.
      source_words, target_words: of the vocabularies.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: GNMTConfig, *, source_words: int, target_words: int, key: Array):
        shared, for_first, *keys = jax.random.split(key, config.layers + 1)
        super().__init__(
            config,
            said=config.hidden,
            source_words=source_words,
            target_words=target_words,
            key=shared,
        )
        width, hidden = self.encoder.width, config.hidden
        self.first = BahdanauDecoder(
            config.embedding,
            width,
            hidden,
            config.attention,
            key=for_first,
            cell=config.encoder.cell,
            reset=config.encoder.reset,
            scaled=config.scaled,
        )
        self.above = nnx.List(
            make_cell(config.encoder, hidden + width, hidden, key=k) for k in keys
        )

    def _begin(self, encoded: Encoded) -> tuple[tuple, Memory]:
        memory = self.first.memory(encoded.states, lengths=encoded.lengths)
        kind = {"lstm": LSTMState, "gru": GRUState}[self.encoder.config.cell]
        batch, hidden = len(encoded.lengths), self.first.w_h.shape[0]
        zeros = jnp.zeros((batch, hidden), accumulator(encoded.states.dtype))
        nothing = kind(*(zeros for _ in kind._fields))
        return (nothing,) * (1 + len(self.above)), memory

    def _say(
        self, words: Array, state: TranslatorState, lengths: Array | None, key: Array | None
    ) -> Said:
        lowest, *rest = state.decoder
        decoded, final = self.first(words, state.memory, lowest, lengths=lengths)
        xs, finals = decoded.ys, [final]
        for depth, (layer, before) in enumerate(zip(self.above, rest, strict=True), start=1):
            xs = dropout(xs, fold_key(key, depth), self.dropout_rate)
            read = jnp.concatenate([xs, decoded.contexts], axis=-1)
            ys, final = layer(read, before, lengths=lengths)
            xs = xs + ys if depth >= RESIDUAL_FROM else ys
            finals.append(final)
        return Said(xs, decoded.shares, tuple(finals))
