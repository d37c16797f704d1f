"""ReNet for pictures of one size: layers of sweeps, then dense layers, then scores of classes.

Source: Visin et al. 2015, "ReNet: a recurrent neural network based alternative to convolutional
networks", arXiv 1505.00393. Where the paper has no normalisation, `normalise` puts one of each
place's features behind every layer.
"""

from dataclasses import dataclass
from itertools import pairwise

import jax
from flax import nnx
from jax import Array

from nnarch.nn import LayerNorm, Linear, ReNet, dropout
from nnarch.nn.keys import split_key
from nnarch.nn.renet import Kind
from nnarch.nn.sequence import strided


@dataclass(frozen=True)
class ReNetConfig:
    """The size of the model."""

    cell: Kind = "lstm"
    """Of all sweeps."""
    patches: tuple[int, ...] = (2, 2)
    """Pixels a side of each layer's patches: as many layers as there are numbers."""
    hidden: int = 32
    """Units of each of a layer's four sweeps."""
    dense: tuple[int, ...] = (128,)
    """Units of the dense layers, rectified."""
    normalise: bool = True
    """Layer normalisation behind each layer of sweeps."""
    dropout: float = 0.1
    """Behind each layer of sweeps and each dense one."""


class ReNetClassifier(nnx.Module):
    """Pictures to scores of classes.

    Args:
      config: sizes.
      picture: [Y, X, channels] of the pictures.
      classes: how many there are.
      key: a typed key for all initial weights.
    """

    def __init__(
        self, config: ReNetConfig, *, picture: tuple[int, int, int], classes: int, key: Array
    ):
        *sides, channels = picture
        keys = iter(jax.random.split(key, len(config.patches) + len(config.dense) + 1))
        sweeps, norms = [], []
        for patch in config.patches:
            layer = ReNet(
                channels, config.hidden, key=next(keys), cell=config.cell, patch=(patch, patch)
            )
            channels, sides = 2 * config.hidden, [strided(side, patch) for side in sides]
            sweeps.append(layer)
            norms += [LayerNorm(channels)] if config.normalise else []
        widths = [sides[0] * sides[1] * channels, *config.dense]
        self.sweeps, self.norms = nnx.List(sweeps), nnx.List(norms)
        self.dense = nnx.List(
            Linear(inputs, outputs, key=next(keys)) for inputs, outputs in pairwise(widths)
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
        keys = iter(split_key(key, len(self.sweeps) + len(self.dense)))
        xs = pictures.astype(self.output.w[...].dtype)
        for depth, sweep in enumerate(self.sweeps):
            xs, _ = sweep(xs)
            xs = self.norms[depth](xs) if self.norms else xs
            xs = dropout(xs, next(keys), self.rate)
        xs = xs.reshape(len(xs), -1)
        for layer in self.dense:
            xs = dropout(jax.nn.relu(layer(xs)), next(keys), self.rate)
        return self.output(xs)
