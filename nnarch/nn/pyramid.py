"""PyraMiD-LSTM as a layer over volumes."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels.multidim.pyramid import PyramidParams, init_pyramid, pyramid

DIRECTIONS = 6


class Pyramid(nnx.Module):
    """Stollenga et al. 2015, section 2: six convolutional LSTMs through a volume, summed.

    Parameters, as `kernels.init_pyramid`, with a leading axis of 6: w_x, w_h, b.
    """

    def __init__(self, input_size: int, hidden_size: int, *, key: Array, window: int = 3):
        drawn = [
            init_pyramid(k, input_size, hidden_size, window=window)
            for k in jax.random.split(key, DIRECTIONS)
        ]
        params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
        self.w_x, self.w_h, self.b = map(nnx.Param, params)

    @property
    def params(self) -> PyramidParams:
        """The parameters as the kernel takes them."""
        return PyramidParams(self.w_x[...], self.w_h[...], self.b[...])

    def __call__(
        self, xs: Array, *, sizes: Array | None = None, implementation: str | None = None
    ) -> Array:
        """Runs `kernels.pyramid`: xs [B, Z, Y, X, D] to ys [B, Z, Y, X, H]."""
        return pyramid(self.params, xs, sizes=sizes, implementation=implementation)
