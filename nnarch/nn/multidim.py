"""Multi-dimensional LSTM layers over pictures of different sizes, and what joins their pixels."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import MDLSTMParams
from nnarch.kernels.multidim.patches import cut_patches
from nnarch.nn.linear import Linear
from nnarch.nn.sequence import strided

DIRECTIONS = 4


class MDLSTM(nnx.Module):
    """Graves, Fernandez & Schmidhuber 2007: a picture read from its four corners.

    Parameters, as `kernels.init_mdlstm`, with a leading axis of 4: w_x, w_row, w_col, b.

    Args:
      input_size: channels of the picture.
      hidden_size: units H of each direction.
      key: a typed key.
      stable: the cell after Leifert et al. 2016.
    """

    def __init__(self, input_size: int, hidden_size: int, *, key: Array, stable: bool = False):
        drawn = [
            kernels.init_mdlstm(k, input_size, hidden_size, stable=stable)
            for k in jax.random.split(key, DIRECTIONS)
        ]
        params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
        self.w_x, self.w_row, self.w_col, self.b = map(nnx.Param, params)
        self.stable = stable

    @property
    def params(self) -> MDLSTMParams:
        """The parameters as the kernel takes them."""
        return MDLSTMParams(self.w_x[...], self.w_row[...], self.w_col[...], self.b[...])

    def __call__(
        self, xs: Array, *, sizes: Array | None = None, implementation: str | None = None
    ) -> Array:
        """Runs `kernels.mdlstm_directions`: xs [B, Y, X, D] to ys [B, Y, X, 4H], the directions
        side by side; zero outside sizes, int32 [B, 2].
        """
        ys = kernels.mdlstm_directions(
            self.params, xs, sizes=sizes, stable=self.stable, implementation=implementation
        )
        return ys.reshape(*ys.shape[:3], -1)


class Patches(nnx.Module):
    """Joins the pixels of each patch by an affine map: patches do not overlap.

    Graves & Schmidhuber 2009, section 2.2: with tanh behind it, what stands between two layers of
    their hierarchy. A patch that is partly outside its picture has zeros there.

    Parameter: a `Linear` of patch rows * patch columns * inputs.

    Args:
      inputs: channels.
      outputs: channels.
      key: a typed key.
      patch: rows and columns of a patch.
    """

    def __init__(self, inputs: int, outputs: int, *, key: Array, patch: tuple[int, int]):
        self.linear = Linear(patch[0] * patch[1] * inputs, outputs, key=key)
        self.patch = tuple(patch)

    def __call__(self, xs: Array, sizes: Array) -> tuple[Array, Array]:
        """Maps xs [B, Y, X, inputs] and sizes int32 [B, 2] to [B, ceil(Y / py), ceil(X / px),
        outputs] and the sizes there.
        """
        ys = self.linear(cut_patches(xs, sizes, self.patch))
        return ys, strided(sizes, jnp.asarray(self.patch))
