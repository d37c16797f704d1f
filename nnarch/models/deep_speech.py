"""Deep Speech 2: strided convolutions over a spectrogram, recurrent layers in both directions, CTC.

Source: Amodei et al. 2015, arXiv 1512.02595, section 3, in small. Where the paper normalises
batches this normalises layers: a row is then the same whatever stands beside it.
"""

from dataclasses import dataclass
from typing import Literal

import jax
from flax import nnx
from jax import Array

from nnarch.nn import GRU, LSTM, Bidirectional, LayerNorm, Linear, TimeConvolution, dropout
from nnarch.nn.keys import fold_key
from nnarch.nn.sequence import masked, strided

STRIDES = ((2, 2), (2, 2))  # of the two convolutions, in time and in frequency


@dataclass(frozen=True)
class DeepSpeechConfig:
    """The size of the model."""

    channels: int = 16
    """Of both convolutions."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Of the recurrent layers."""
    hidden: int = 160
    """Units of each direction of a recurrent layer."""
    layers: int = 3
    """Recurrent layers."""
    dropout: float = 0.1
    """Before each recurrent layer and before the output."""


class DeepSpeech(nnx.Module):
    """Spectrograms to scores of characters, for CTC.

    Args:
      config: sizes.
      mels: bands of the spectrogram.
      classes: characters, the blank included.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: DeepSpeechConfig, *, mels: int, classes: int, key: Array):
        keys = jax.random.split(key, len(STRIDES) + config.layers + 1)
        channels = (1, *(config.channels for _ in STRIDES))
        self.convolutions = nnx.List(
            TimeConvolution(inputs, outputs, key=k, stride=stride)
            for inputs, outputs, k, stride in zip(
                channels[:-1], channels[1:], keys, STRIDES, strict=False
            )
        )
        bands = mels
        for _, stride in STRIDES:
            bands = -(-bands // stride)
        widths = [bands * config.channels, *(2 * config.hidden for _ in range(config.layers))]
        self.norms = nnx.List(LayerNorm(width) for width in widths)
        self.recurrent = nnx.List(
            _both_ways(config, width, k)
            for width, k in zip(widths[:-1], keys[len(STRIDES) : -1], strict=True)
        )
        self.output = Linear(widths[-1], classes, key=keys[-1])
        self.rate = config.dropout

    def __call__(
        self, spectrogram: Array, lengths: Array, *, key: Array | None = None
    ) -> tuple[Array, Array]:
        """Scores every frame.

        Args:
          spectrogram: [B, T, mels], right-padded; padding may hold anything.
          lengths: int32 [B], valid frames of each row.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, T', classes] and their lengths int32 [B], as `frames_after` has them.
        """
        xs = spectrogram[..., None]
        for convolution in self.convolutions:
            xs, lengths = convolution(xs, lengths)
            xs = jax.nn.relu(xs)
        xs = xs.reshape(*xs.shape[:2], -1)
        for depth, layer in enumerate(self.recurrent):
            xs = dropout(self.norms[depth](xs), fold_key(key, depth), self.rate)
            xs, _ = layer(masked(xs, lengths), lengths=lengths)
        xs = dropout(self.norms[-1](xs), fold_key(key, len(self.recurrent)), self.rate)
        return self.output(xs), lengths


def frames_after(lengths: Array) -> Array:
    """How many frames the convolutions leave of each row; for integers and for arrays."""
    for time, _ in STRIDES:
        lengths = strided(lengths, time)
    return lengths


def _both_ways(config: DeepSpeechConfig, width: int, key: Array) -> Bidirectional:
    kind = {"lstm": LSTM, "gru": GRU}[config.cell]
    forward, backward = jax.random.split(key)
    return Bidirectional(
        kind(width, config.hidden, key=forward), kind(width, config.hidden, key=backward)
    )
