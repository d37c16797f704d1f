"""A layer of ReNet: holds the parameters of its four sweeps and calls the kernel."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import ReNetParams
from nnarch.nn.recurrent import GRU, LSTM, Elman
from nnarch.nn.sequence import strided

Kind = Literal["elman", "lstm", "gru"]

_CELLS = {"elman": Elman, "lstm": LSTM, "gru": GRU}
_KERNELS = {"elman": kernels.elman, "lstm": kernels.lstm, "gru": kernels.gru}


class ReNet(nnx.Module):
    """Visin et al. 2015: patches are read down and up, what is said of them right and left.

    Args:
      inputs: channels of the picture.
      hidden: units H of each of the four sweeps.
      key: a typed key.
      cell: what sweeps.
      patch: rows and columns of a patch.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        key: Array,
        cell: Kind = "lstm",
        patch: tuple[int, int] = (2, 2),
    ):
        keys, kind = jax.random.split(key, 4), _CELLS[cell]
        self.columns = nnx.List(kind(patch[0] * patch[1] * inputs, hidden, key=k) for k in keys[:2])
        self.rows = nnx.List(kind(2 * hidden, hidden, key=k) for k in keys[2:])
        self.cell = cell
        self.patch = tuple(patch)

    @property
    def params(self) -> ReNetParams:
        """The parameters as the kernel takes them."""
        columns, rows = (
            tuple(sweep.params for sweep in pair) for pair in (self.columns, self.rows)
        )
        return ReNetParams(columns, rows)

    def __call__(
        self, xs: Array, sizes: Array | None = None, *, implementation: str | None = None
    ) -> tuple[Array, Array | None]:
        """Runs `kernels.renet`.

        Args:
          xs: [B, Y, X, inputs].
          sizes: int32 [B, 2], rows and columns of each picture; all if left out.
          implementation: what the kernel is asked for.

        Returns:
          ys [B, ceil(Y / py), ceil(X / px), 2H], zero outside each picture, and the sizes there;
          None if none were given.
        """
        ys = kernels.renet(
            _KERNELS[self.cell],
            self.params,
            xs,
            patch=self.patch,
            sizes=sizes,
            implementation=implementation,
        )
        return ys, None if sizes is None else strided(sizes, jnp.asarray(self.patch))
