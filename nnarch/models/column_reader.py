"""Handwriting read column by column by bidirectional LSTMs, for CTC: a peer of MDLSTMs.

Each frame is a block of whole columns of pixels. A shift upward or downward is to such a reader
another input altogether.

Source: Graves et al. 2009, "A novel connectionist system for unconstrained handwriting
recognition", on columns of pixels instead of features made by hand.
"""

from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
from flax import nnx
from jax import Array, random

from nnarch.kernels.multidim.patches import cut_patches
from nnarch.nn import LSTM, Bidirectional, LayerNorm, Linear, dropout
from nnarch.nn.keys import fold_key
from nnarch.nn.sequence import masked, strided


@dataclass(frozen=True)
class ColumnReaderConfig:
    """The size of the model."""

    columns: int = 2
    """Columns of pixels of a frame."""
    hidden: int = 88
    """Units of each direction of a layer."""
    layers: int = 2
    """Recurrent layers."""
    dropout: float = 0.1
    """Before each layer but the first, and before the output."""


class ColumnReader(nnx.Module):
    """Pictures of one height to scores of characters, for CTC.

    Args:
      config: sizes.
      height: rows of pixels.
      classes: characters, the blank included.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: ColumnReaderConfig, *, height: int, classes: int, key: Array):
        keys = iter(random.split(key, 2 * config.layers + 1))
        widths = [height * config.columns, *(2 * config.hidden for _ in range(config.layers))]
        self.layers = nnx.List(
            Bidirectional(
                LSTM(inputs, outputs // 2, key=next(keys)),
                LSTM(inputs, outputs // 2, key=next(keys)),
            )
            for inputs, outputs in pairwise(widths)
        )
        self.norms = nnx.List(LayerNorm(width) for width in widths[1:])
        self.output = Linear(widths[-1], classes, key=next(keys))
        self.block = (height, config.columns)
        self.rate = config.dropout

    @property
    def columns_per_frame(self) -> int:
        """How many columns of pixels are scored as one."""
        return self.block[1]

    def __call__(
        self, pictures: Array, widths: Array, *, key: Array | None = None
    ) -> tuple[Array, Array]:
        """Scores every frame.

        Args:
          pictures: [B, Y, X], 0 is the ground; what lies beyond a width may hold anything.
          widths: int32 [B], columns of each picture.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, X', classes] and their lengths int32 [B].

        Raises:
          ValueError: the pictures are higher than what the columns are made of.
        """
        if pictures.shape[1] > self.block[0]:
            raise ValueError(
                f"expected pictures of at most {self.block[0]} rows; got {pictures.shape[1]}. "
                "Make them smaller, or the reader for this height."
            )
        sizes = jnp.stack([jnp.full_like(widths, pictures.shape[1]), widths], axis=1)
        pictures = pictures[..., None].astype(self.output.w[...].dtype)
        xs = cut_patches(pictures, sizes, self.block)[:, 0]
        lengths = strided(widths, self.block[1])
        for depth, layer in enumerate(self.layers):
            xs, _ = layer(xs, lengths=lengths)
            xs = dropout(self.norms[depth](xs), fold_key(key, depth), self.rate)
        return masked(self.output(xs), lengths), lengths
