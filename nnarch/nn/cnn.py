"""Small networks that turn a picture into a map of features. Every stage halves the sides."""

from collections.abc import Sequence
from typing import Literal

import jax
from flax import nnx
from jax import Array

from nnarch.nn.convolution import BatchNorm, Convolution, ConvolutionBlock


class ResidualBlock(nnx.Module):
    """Two convolutions of 3x3 beside a convolution of 1x1, added before the last ReLU.

    Source: He et al. 2015, "Deep residual learning", figure 2 and option B.
    """

    def __init__(self, inputs: int, outputs: int, *, key: Array, stride: int = 1):
        first, second, shortcut = jax.random.split(key, 3)
        self.first = ConvolutionBlock(inputs, outputs, key=first, stride=stride)
        self.second = Convolution(outputs, outputs, key=second)
        self.norm = BatchNorm(outputs)
        self.shortcut = Convolution(inputs, outputs, key=shortcut, size=1, stride=stride)
        self.shortcut_norm = BatchNorm(outputs)

    def __call__(self, xs: Array) -> Array:
        """Maps xs [B, Y, X, inputs] to [B, ceil(Y / stride), ceil(X / stride), outputs]."""
        ys = self.norm(self.second(self.first(xs)))
        return jax.nn.relu(ys + self.shortcut_norm(self.shortcut(xs)))


class CNN(nnx.Module):
    """A chain of stages, each with stride 2: one convolution ("plain") or a residual block."""

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        *,
        key: Array,
        block: Literal["plain", "residual"] = "plain",
    ):
        kinds = {"plain": ConvolutionBlock, "residual": ResidualBlock}
        if block not in kinds:
            raise ValueError(f"CNN knows the blocks {', '.join(kinds)}; got {block!r}.")
        keys = jax.random.split(key, len(widths))
        sizes = zip((inputs, *widths), widths, keys, strict=False)
        self.stages = nnx.List([kinds[block](i, o, key=k, stride=2) for i, o, k in sizes])

    def __call__(self, pictures: Array) -> Array:
        """Maps pictures [B, Y, X, inputs] to [B, Y', X', widths[-1]], each side halved a stage."""
        for stage in self.stages:
            pictures = stage(pictures)
        return pictures
