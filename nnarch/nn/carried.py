"""States that rows of a batch carry from one window of a long sequence into the next."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from nnarch.nn.recurrent import Recurrent


class CarriedStates(nnx.Module):
    """The state of each recurrent layer for each row, zeros at first.

    They are variables but no parameters: the engine hands them from step to step and keeps them in
    checkpoints. No gradient passes through them, which truncates back-propagation at a window's
    border (Werbos 1990; Elman 1990).
    """

    def __init__(self, layers: Sequence[Recurrent], rows: int):
        self.carried = nnx.List(_zeros(layer, rows) for layer in layers)

    def read(self, layers: Sequence[Recurrent]) -> tuple[tuple, ...]:
        """A state for each of the layers that this was made for."""
        return tuple(
            layer.State(*(part[...] for part in parts))
            for layer, parts in zip(layers, self.carried, strict=True)
        )

    def keep(self, states: Sequence[tuple]) -> None:
        """Puts the states after this window in place of those before it."""
        for parts, state in zip(self.carried, states, strict=True):
            for part, value in zip(parts, jax.lax.stop_gradient(state), strict=True):
                part[...] = value.astype(part[...].dtype)


def _zeros(layer: Recurrent, rows: int) -> nnx.List:
    shape = rows, layer.w_h.shape[0]
    return nnx.List(nnx.Variable(jnp.zeros(shape)) for _ in layer.State._fields)
