"""Every frame of a clip as a vector, by one convolutional network: what models of video read."""

from dataclasses import dataclass

import jax
from flax import nnx
from jax import Array

from nnarch.nn import CNN, BatchNorm, Linear, dropout


@dataclass(frozen=True)
class FrameEncoderConfig:
    """What shapes the encoder."""

    features: int = 128
    """Length of a frame's vector."""
    widths: tuple[int, ...] = (24, 48, 64)
    """Channels of the CNN's stages."""
    strides: tuple[int, ...] = (4, 2, 1)
    """By how much each stage divides the sides of its map."""
    dropout: float = 0.1
    """Share of a vector that training zeroes, the same in all frames of a clip."""


FRAMES = FrameEncoderConfig()


class FrameEncoder(nnx.Module):
    """The encoder; `config` says which.

    Args:
      config: see FrameEncoderConfig.
      size: pixels a side of a frame, which the vectors' weights depend on.
      channels: of a frame.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: FrameEncoderConfig, *, size: int, channels: int, key: Array):
        for_cnn, for_vector = jax.random.split(key)
        self.cnn = CNN(channels, config.widths, strides=config.strides, key=for_cnn)
        inputs = self.cnn.places(size) * config.widths[-1]
        self.vector = Linear(inputs, config.features, key=for_vector)
        self.norm = BatchNorm(config.features)
        self.rate = config.dropout

    def __call__(self, clips: Array, *, key: Array | None = None) -> Array:
        """Maps clips [B, T, S, S, channels], float from 0 to 1, to [B, T, features].

        No frame sees another, but in training, through the batch's statistics.
        """
        frames = clips.reshape(-1, *clips.shape[2:])
        maps = self.cnn(2 * frames - 1)
        vectors = self.norm(self.vector(maps.reshape(len(frames), -1)))
        vectors = jax.nn.relu(vectors).reshape(*clips.shape[:2], -1)
        return dropout(vectors, key, self.rate, shared_axes=(1,))
