"""Handwriting read by a hierarchy of multi-dimensional LSTMs, for CTC.

Blocks of pixels, then layers that read the picture from its four corners; between them patches are
joined, so that the picture becomes smaller a layer and has more features. At last the columns are
summed, and each is scored.

Source: Graves & Schmidhuber 2009, "Offline handwriting recognition with multidimensional recurrent
neural networks". The paper has no dropout and no normalisation.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jax import Array, random

from nnarch.kernels.multidim.patches import cut_patches
from nnarch.nn import LayerNorm, Linear, dropout
from nnarch.nn.keys import fold_key
from nnarch.nn.multidim import MDLSTM, Patches
from nnarch.nn.sequence import masked, strided


@dataclass(frozen=True)
class MDLSTMReaderConfig:
    """The size of the model."""

    block: tuple[int, int] = (2, 2)
    """Rows and columns of pixels that the lowest layer reads as one."""
    hidden: tuple[int, ...] = (4, 20, 64)
    """Units of each of a layer's four directions: as many layers as there are numbers."""
    patches: tuple[tuple[int, int], ...] = ((4, 2), (2, 1))
    """Rows and columns of what is joined behind each layer but the last."""
    features: tuple[int, ...] = (32, 64)
    """Units that join them, tanh."""
    stable: bool = True
    """The cell after Leifert et al. 2016, whose state grows with a path's length at most."""
    normalise: bool = True
    """Layer normalisation of what the second layer and those above it read."""
    dropout: float = 0.1
    """Before the second layer and those above it, and before the output."""

    def __post_init__(self) -> None:
        """Checks that layers and what is between them are as many as they must be."""
        between = len(self.hidden) - 1
        if between < 0 or len(self.patches) != between or len(self.features) != between:
            raise ValueError(
                f"expected patches and features between the layers, {between} each; got "
                f"{len(self.patches)} and {len(self.features)}. Give one for each layer but the "
                "last."
            )


class MDLSTMReader(nnx.Module):
    """Pictures of one height to scores of characters, for CTC.

    Args:
      config: sizes.
      classes: characters, the blank included.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: MDLSTMReaderConfig, *, classes: int, key: Array):
        keys = iter(random.split(key, 2 * len(config.hidden)))
        inputs = [config.block[0] * config.block[1], *config.features]
        self.layers = nnx.List(
            MDLSTM(width, hidden, key=next(keys), stable=config.stable)
            for width, hidden in zip(inputs, config.hidden, strict=True)
        )
        self.between = nnx.List(
            Patches(4 * hidden, width, key=next(keys), patch=patch)
            for hidden, width, patch in zip(
                config.hidden, config.features, config.patches, strict=False
            )
        )
        self.norms = nnx.List(LayerNorm(width) for width in config.features if config.normalise)
        self.output = Linear(4 * config.hidden[-1], classes, key=next(keys))
        self.block = tuple(config.block)
        self.rate = config.dropout

    @property
    def columns_per_frame(self) -> int:
        """How many columns of pixels are scored as one."""
        return math.prod((self.block[1], *(layer.patch[1] for layer in self.between)))

    def __call__(
        self, pictures: Array, widths: Array, *, key: Array | None = None
    ) -> tuple[Array, Array]:
        """Scores every column of what the highest layer reads.

        Args:
          pictures: [B, Y, X], 0 is the ground; what lies beyond a width may hold anything.
          widths: int32 [B], columns of each picture.
          key: for the dropout; None means evaluation.

        Returns:
          logits [B, X', classes] and their lengths int32 [B].
        """
        sizes = jnp.stack([jnp.full_like(widths, pictures.shape[1]), widths], axis=1)
        pictures = pictures[..., None].astype(self.output.w[...].dtype)
        xs = cut_patches(pictures, sizes, self.block)
        sizes = strided(sizes, jnp.asarray(self.block))
        for depth, layer in enumerate(self.layers):
            if depth:
                xs, sizes = self._join(depth - 1, xs, sizes, key)
            xs = layer(xs, sizes=sizes)
        columns = dropout(xs.sum(axis=1), fold_key(key, len(self.layers)), self.rate)
        return masked(self.output(columns), sizes[:, 1]), sizes[:, 1]

    def _join(self, depth: int, xs: Array, sizes: Array, key: Array | None) -> tuple[Array, Array]:
        xs, sizes = self.between[depth](xs, sizes)
        if self.norms:
            xs = self.norms[depth](xs)
        return dropout(jnp.tanh(xs), fold_key(key, depth), self.rate), sizes
