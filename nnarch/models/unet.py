"""A small 3-D U-Net: what a convolutional net of the same size makes of volumes.

Source: Cicek et al. 2016, arXiv 1606.06650: two convolutions a level, the largest of each 2x2x2
voxels going down, and beside what comes up again what went down. In small: one convolution a level
on the way up, and upsampling in place of transposed convolutions.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.nn.convolution import BatchNorm
from nnarch.nn.linear import Linear
from nnarch.nn.volumes import InstanceNorm, VolumeBlock, doubled, halved

NORMS = {"batch": BatchNorm, "instance": InstanceNorm}


@dataclass(frozen=True)
class UNetConfig:
    """The size of the model."""

    widths: tuple[int, ...] = (8, 16, 24)
    """Channels of each level, the finest first."""
    norm: Literal["batch", "instance"] = "batch"
    """What follows each convolution."""


class UNet(nnx.Module):
    """Volumes to scores of classes, for every voxel.

    Args:
      config: sizes.
      classes: of a voxel.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: UNetConfig, *, classes: int, key: Array):
        widths, norm = config.widths, NORMS[config.norm]
        keys = iter(jax.random.split(key, 3 * len(widths)))
        self.down = nnx.List(
            nnx.List(
                [
                    VolumeBlock(inputs, width, norm=norm, key=next(keys)),
                    VolumeBlock(width, width, norm=norm, key=next(keys)),
                ]
            )
            for inputs, width in zip((1, *widths), widths, strict=False)
        )
        self.up = nnx.List(
            VolumeBlock(width + below, width, norm=norm, key=next(keys))
            for width, below in pairwise(widths)
        )
        self.output = Linear(widths[0], classes, key=next(keys))

    def __call__(self, volumes: Array) -> Array:
        """Scores every voxel.

        Args:
          volumes: [B, Z, Y, X], any float.

        Returns:
          logits [B, Z, Y, X, classes].

        Raises:
          ValueError: a side does not halve as often as there are levels below the first.
        """
        self._check(volumes.shape[1:])
        xs, levels = volumes[..., None].astype(self.output.w[...].dtype), []
        for depth, (first, second) in enumerate(self.down):
            xs = second(first(halved(xs) if depth else xs))
            levels.append(xs)
        for block, beside in zip(reversed(self.up), reversed(levels[:-1]), strict=True):
            xs = block(jnp.concatenate([beside, doubled(xs)], axis=-1))
        return self.output(xs)

    def _check(self, shape: tuple[int, ...]) -> None:
        divisor = 2 ** len(self.up)
        if any(side % divisor for side in shape):
            raise ValueError(
                f"UNet of {len(self.down)} levels expects sides that are multiples of {divisor}; "
                f"got {tuple(shape)}. Pad the volume."
            )
