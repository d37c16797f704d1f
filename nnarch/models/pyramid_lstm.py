"""PyraMiD-LSTM: layers that read a volume from six sides, and a class for each voxel.

Source: Stollenga, Byeon, Liwicki and Schmidhuber 2015, arXiv 1506.07452, section 3, in small: its
net has 16, 32 and 64 units and windows of 7x7.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.nn.linear import Linear
from nnarch.nn.pyramid import Pyramid


@dataclass(frozen=True)
class PyramidLSTMConfig:
    """The size of the model."""

    hidden: tuple[int, ...] = (8, 8)
    """Units of each direction, a number for each layer."""
    dense: int = 16
    """Units of the tanh layer over each voxel, after every layer."""
    window: int = 3
    """Pixels a side of what a pixel sees of the plane before."""


class PyramidLSTM(nnx.Module):
    """Volumes to scores of classes, for every voxel.

    Args:
      config: sizes.
      classes: of a voxel.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: PyramidLSTMConfig, *, classes: int, key: Array):
        keys = jax.random.split(key, 2 * len(config.hidden) + 1)
        inputs = (1, *(config.dense for _ in config.hidden[1:]))
        self.layers = nnx.List(
            Pyramid(width, hidden, key=k, window=config.window)
            for width, hidden, k in zip(inputs, config.hidden, keys, strict=False)
        )
        self.dense = nnx.List(
            Linear(hidden, config.dense, key=k)
            for hidden, k in zip(config.hidden, keys[len(config.hidden) :], strict=False)
        )
        self.output = Linear(config.dense, classes, key=keys[-1])

    def __call__(self, volumes: Array) -> Array:
        """Scores every voxel: volumes [B, Z, Y, X], any float -> logits [B, Z, Y, X, classes]."""
        xs = volumes[..., None].astype(self.output.w[...].dtype)
        for layer, dense in zip(self.layers, self.dense, strict=True):
            xs = jnp.tanh(dense(layer(xs)))
        return self.output(xs)
