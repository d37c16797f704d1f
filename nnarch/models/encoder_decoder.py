"""A source read into the last state of recurrent layers, and told from there by others.

    h  = encoder(source);   s[0] = h's last state, or a map of it;   s[t] = LSTM(E y[t-1], s[t-1])
    p(y[t] | y[..t-1], source) = softmax(U s[t])

Source: Sutskever, Vinyals and Le 2014, "Sequence to sequence learning with neural networks", arXiv
1409.3215: four layers of 1,000 units in one direction, words of 1,000, the source reversed; Cho et
al. 2014, arXiv 1406.1078, with a GRU.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.models.source_encoder import ENCODER, Bridge, Encoded, EncoderConfig, make_cells
from nnarch.models.translator import Said, Translator, TranslatorState
from nnarch.nn import Stacked


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """The size of the model."""

    encoder: EncoderConfig = ENCODER
    """What reads the source. In one direction, with as many layers and units as the decoder, its
    last states are the decoder's first, as published; otherwise they are mapped to them."""
    embedding: int = 256
    """Length of a target word's vector."""
    hidden: int = 320
    """Units of the decoder's layers."""
    layers: int = 1
    """Of the decoder."""
    dropout: float = 0.15
    """Share of word vectors, of what goes from layer to layer, and of the last layer's outputs
    that training zeroes."""


class EncoderDecoder(Translator):
    """The model; `config` says which.

    Args:
      config: sizes.
      source_words, target_words: of the vocabularies.
      key: a typed key for all initial weights.
    """

    def __init__(
        self, config: EncoderDecoderConfig, *, source_words: int, target_words: int, key: Array
    ):
        shared, for_bridge, *keys = jax.random.split(key, config.layers + 2)
        super().__init__(
            config,
            said=config.hidden,
            source_words=source_words,
            target_words=target_words,
            key=shared,
        )
        layers = make_cells(config.encoder, config.embedding, config.hidden, keys=keys)
        self.decoder = Stacked(layers, dropout_rate=config.dropout)
        if not _alike(config):
            self.bridge = Bridge(config.encoder, config.hidden, config.layers, key=for_bridge)

    def _begin(self, encoded: Encoded) -> tuple[tuple, None]:
        bridge = getattr(self, "bridge", None)
        return (encoded.finals if bridge is None else bridge(encoded.finals)), None

    def _say(
        self, words: Array, state: TranslatorState, lengths: Array | None, key: Array | None
    ) -> Said:
        ys, finals = self.decoder(words, state.decoder, lengths=lengths, key=key)
        return Said(ys, jnp.zeros((*words.shape[:2], 0), jnp.float32), finals)


def _alike(config: EncoderDecoderConfig) -> bool:
    encoder = config.encoder
    sizes = (encoder.hidden, encoder.layers) == (config.hidden, config.layers)
    return encoder.directions == "one" and sizes
