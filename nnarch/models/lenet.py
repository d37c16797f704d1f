"""LeNet for pictures of one size: two convolutions of 5x5, each halved by pooling, then dense ones.

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", figure 2, with what has become usual since: ReLU, largest values pooled, batch
normalisation, dropout.
"""

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.nn import ConvolutionBlock, Linear, dropout
from nnarch.nn.keys import split_key
from nnarch.nn.sequence import strided

POOL = 2  # pixels a side


@dataclass(frozen=True)
class LeNetConfig:
    """The size of the model."""

    channels: tuple[int, ...] = (32, 64)
    """Channels of each convolution."""
    dense: tuple[int, ...] = (128,)
    """Units of the dense layers, rectified."""
    dropout: float = 0.1
    """Behind each pooling and each dense layer."""


class LeNet(nnx.Module):
    """Pictures to scores of classes.

    Args:
      config: sizes.
      picture: [Y, X, channels] of the pictures.
      classes: how many there are.
      key: a typed key for all initial weights.
    """

    def __init__(
        self, config: LeNetConfig, *, picture: tuple[int, int, int], classes: int, key: Array
    ):
        *sides, inputs = picture
        keys = iter(jax.random.split(key, len(config.channels) + len(config.dense) + 1))
        channels = [inputs, *config.channels]
        for _ in config.channels:
            sides = [strided(side, POOL) for side in sides]
        widths = [sides[0] * sides[1] * channels[-1], *config.dense]
        self.convolutions = nnx.List(
            ConvolutionBlock(before, after, key=next(keys), size=5)
            for before, after in pairwise(channels)
        )
        self.dense = nnx.List(
            Linear(before, after, key=next(keys)) for before, after in pairwise(widths)
        )
        self.output = Linear(widths[-1], classes, key=next(keys))
        self.rate = config.dropout

    def __call__(self, pictures: Array, *, key: Array | None = None) -> Array:
        """Scores each picture.

        Args:
          pictures: [B, Y, X, channels].
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, classes].
        """
        count = len(self.convolutions) + len(self.dense)
        keys = iter(split_key(key, count))
        xs = pictures
        for convolution in self.convolutions:
            xs = dropout(_pooled(convolution(xs)), next(keys), self.rate)
        xs = xs.reshape(len(xs), -1)
        for layer in self.dense:
            xs = dropout(jax.nn.relu(layer(xs)), next(keys), self.rate)
        return self.output(xs)


def _pooled(xs: Array) -> Array:
    """The largest of each 2x2 pixels, of xs that are not negative; n a side become ceil(n / 2).

    As a reshape: on a CPU the gradient of a window's maximum is a slow scatter.
    """
    batch, *sides, channels = xs.shape
    xs = jnp.pad(xs, [(0, 0), *((0, -side % POOL) for side in sides), (0, 0)])
    rows, columns = (strided(side, POOL) for side in sides)
    return xs.reshape(batch, rows, POOL, columns, POOL, channels).max(axis=(2, 4))
