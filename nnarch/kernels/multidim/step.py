"""A pixel of an MDLSTM as a time step of a recurrence along anti-diagonals.

The batch of that recurrence is B L: L lanes a picture, its rows or its columns, whichever are
fewer. At step s lane y is at pixel (y, s - y). One neighbour of a pixel is its lane's own state
before the step, the other that of the lane before. So the state's product is one of [above, left]
with [w_row; w_col], and the loop, its memory and its pass backward are those of
`nnarch.kernels.recurrent`.
"""

from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.multidim import cell
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.recurrent.products import Products, Weights, split
from nnarch.kernels.recurrent.step import Emit, ReadsInput, bias, separate, side_by_side

Lane = Literal["row", "column"]


class PixelState(NamedTuple):
    """What a pixel hands to the next."""

    h: Array  # [B L, H]
    c: Array  # [B L, H]


class MDLSTMStep(NamedTuple):
    """A pixel, as `nnarch.kernels.recurrent` calls a cell."""

    lanes: int
    lane: Lane
    stable: bool

    State = PixelState
    keeps_inputs, saves_over_inputs, saved_exactly = False, False, 0
    inputs = staticmethod(ReadsInput.inputs)

    @staticmethod
    def weights(params: MDLSTMParams) -> Weights:
        """The weights of both neighbours below each other: [2H, 5, H]."""
        both = jnp.concatenate([params.w_row, params.w_col])
        return separate(params.w_x, both, params.b, gates=5)

    def forward(self, products: Products, params, x: Array, state: PixelState):
        """The state after a step, and the gates."""
        neighbours = jnp.concatenate(self._neighbours(state.h), axis=-1)
        gates = cell.gates(products.affine(x, neighbours))
        h, c = cell.pixel(gates, *self._neighbours(state.c), stable=self.stable)
        return PixelState(h, c), (split(gates),)

    def backward(self, products: Products, params, saved, before, after, dstate, emit: Emit):
        """The gradient of the state before a step."""
        above, left = self._neighbours(before.c)
        dz, d_above, d_left = cell.pixel_gradient(
            saved[0], above, left, after.c, *dstate, stable=self.stable
        )
        dh_above, dh_left = jnp.split(products.pull(emit(dz)), 2, axis=-1)
        return PixelState(self._back(dh_above, dh_left), self._back(d_above, d_left))

    def gradient(self, products: Products, params, saved, before: PixelState, dzs):
        """The gradients of the parameters and of the inputs, all steps at once."""
        (dz,) = dzs
        dw_h = jnp.concatenate([products.outer(h, dz) for h in self._neighbours(before.h)])
        w_x, w_h, b = side_by_side(products.outer_input(dz), dw_h, bias(dz))
        w_row, w_col = jnp.split(w_h, 2)
        return MDLSTMParams(w_x, w_row, w_col, b), products.pull_input(dz)

    def _neighbours(self, of_lanes: Array) -> tuple[Array, Array]:
        """[..., B L, H] before a step -> what is above each pixel, and to its left."""
        own, before = of_lanes, self._moved(of_lanes, 1)
        return (before, own) if self.lane == "row" else (own, before)

    def _back(self, above: Array, left: Array) -> Array:
        """The transpose of `_neighbours`."""
        before, own = (above, left) if self.lane == "row" else (left, above)
        return own + self._moved(before, -1)

    def _moved(self, of_lanes: Array, by: int) -> Array:
        """Each lane's gets what the one before it (behind it) has; the first (last) gets 0."""
        pictures = of_lanes.reshape(*of_lanes.shape[:-2], -1, self.lanes, of_lanes.shape[-1])
        padding = [(0, 0)] * pictures.ndim
        padding[-2] = (1, 0) if by > 0 else (0, 1)
        kept = pictures[..., :-1, :] if by > 0 else pictures[..., 1:, :]
        return jnp.pad(kept, padding).reshape(of_lanes.shape)
