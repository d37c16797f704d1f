"""A label for every frame of a clip: a convolutional network for frames, a recurrent one over them.

    v[t] = CNN(frame t);  y = LSTM(v), forward, backward or both;  scores[t] = W y[t]

Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks": what a frame is may
be decided by later frames, and by earlier ones. Nets of one direction have as many parameters.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
from flax import nnx
from jax import Array

from nnarch.models.frame_encoder import FRAMES, FrameEncoder, FrameEncoderConfig
from nnarch.nn import LSTM, Bidirectional, Linear, dropout
from nnarch.nn.keys import split_key


@dataclass(frozen=True)
class FrameLabellerConfig:
    """What shapes the model."""

    direction: Literal["forward", "backward", "both"] = "both"
    """In which direction frames are read."""
    hidden: int = 96
    """Units of each direction, where both are read; one alone has so many that the parameters are
    as many."""
    frames: FrameEncoderConfig = FRAMES
    """How a frame becomes a vector."""
    dropout: float = 0.1
    """Share of the recurrent net's outputs that training zeroes."""


class Labelled(NamedTuple):
    """Scores of every frame."""

    labels: Array  # [B, T, labels]
    names: Array  # [B, T, names]


class FrameLabeller(nnx.Module):
    """The model; `config` says which.

    Args:
      config: see FrameLabellerConfig.
      labels: how many a frame may have.
      names: how many of those that act there are.
      size: pixels a side of a frame.
      channels: of a frame.
      key: a typed key for all initial weights.
    """

    def __init__(
        self,
        config: FrameLabellerConfig,
        *,
        labels: int,
        names: int,
        size: int,
        channels: int,
        key: Array,
    ):
        keys = jax.random.split(key, 4)
        width, told = config.frames.features, labels + names
        self.frames = FrameEncoder(config.frames, size=size, channels=channels, key=keys[0])
        if config.direction == "both":
            units = config.hidden
            layers = (LSTM(width, units, key=k) for k in keys[1:3])
            self.recurrent, read = Bidirectional(*layers), 2 * units
        else:
            read = units_of_one_direction(config.hidden, inputs=width, outputs=told)
            self.recurrent = LSTM(width, read, key=keys[1])
        self.output = Linear(read, told, key=keys[3])
        self.config, self.labels = config, labels

    def __call__(self, clips: Array, *, key: Array | None = None) -> Labelled:
        """Scores what every frame may be.

        Args:
          clips: [B, T, S, S, channels], float from 0 to 1.
          key: for the dropout; None means evaluation.
        """
        keys = split_key(key)
        xs = self.frames(clips, key=keys[0])
        if self.config.direction == "both":
            ys, _ = self.recurrent(xs)
        else:
            ys, _ = self.recurrent(xs, reverse=self.config.direction == "backward")
        scores = self.output(dropout(ys, keys[1], self.config.dropout))
        return Labelled(scores[..., : self.labels], scores[..., self.labels :])


def units_of_one_direction(hidden: int, *, inputs: int, outputs: int) -> int:
    """So many units that one LSTM and what reads it have as many parameters as two of `hidden`.

    4 g (inputs + g + 1) + g outputs = 2 [4 h (inputs + h + 1) + h outputs], to the nearest g.
    """
    wanted = 2 * hidden * (4 * (inputs + hidden + 1) + outputs)
    linear = 4 * (inputs + 1) + outputs
    return round((math.sqrt(linear**2 + 16 * wanted) - linear) / 8)
