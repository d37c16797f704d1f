"""What a call may ask of the loop beside lengths: new starts, dropout of the state, zoneout.

    s = 0 where a sequence starts, else the state after the step before
    made = cell(x, s), in whose recurrent products h stands as h * mask
    after = zoneout s + (1 - zoneout) made

What is absent is None, and leaves no trace in the program.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.stacks import at


class Options(NamedTuple):
    """Of one call; the mask and rates are constants to the gradient."""

    starts: Array | None = None  # bool [B, T]
    mask: Array | None = None  # [B, H]
    zoneout: tuple | None = None  # the cell's State; of each part bool [B, T, H], a rate, or None

    def names(self) -> tuple[str, ...]:
        """What a caller knows the ones that are present by."""
        known = zip(("starts", "recurrent_mask", "zoneout"), self, strict=True)
        return tuple(name for name, value in known if value is not None)

    def over_time(self, change: Callable[[Array], Array]) -> "Options":
        """With what there is of each step changed."""
        zoneout = jax.tree.map(lambda z: change(z) if z.ndim else z, self.zoneout)
        starts = None if self.starts is None else change(self.starts)
        return Options(starts, self.mask, zoneout)

    def starts_at(self, slot: Array) -> Array | None:
        """Of stacks with the time first: bool [B]."""
        return None if self.starts is None else at(self.starts, slot)

    def zoneout_at(self, slot: Array) -> tuple | None:
        """Of stacks with the time first: each part bool [B, H], a rate, or None."""
        return jax.tree.map(lambda z: at(z, slot) if z.ndim else z, self.zoneout)


NONE = Options()


def in_order_of_run(options: Options, valid: Array | None, *, reverse: bool) -> Options:
    """Moves each start to the step that, in the order of the run, is the first one behind it.

    A sequence starts at a step whichever way it is read: no state passes between that step and the
    one before it. Read from behind, it is the one before it that begins anew.
    """
    starts = options.starts
    if starts is None:
        return options
    if valid is not None:
        starts = starts & valid  # what the padding says is nothing
    if reverse:
        starts = jnp.pad(starts[:, 1:], ((0, 0), (0, 1)))
    return options._replace(starts=starts)


def before_a_start(starts: Array | None, state: tuple) -> tuple:
    """The state that a step reads: zero where it is the first of its sequence. Its own transpose.

    starts [..., B], parts of the state [..., B, H].
    """
    if starts is None:
        return state
    return jax.tree.map(lambda s: jnp.where(starts[..., None], 0, s), state)


def mix(zoneout: tuple | None, made: tuple, before: tuple) -> tuple:
    """The state after a step: what it made, or the one before it."""
    if zoneout is None:
        return made
    return type(made)(*map(_mix, zoneout, made, before))


def _mix(z: Array | None, made: Array, before: Array) -> Array:
    if z is None:
        return made
    if z.dtype == bool:
        return jnp.where(z, before, made)
    z = z.astype(made.dtype)
    return z * before + (1 - z) * made


def mix_gradient(zoneout: tuple | None, gradient: tuple) -> tuple[tuple, tuple | None]:
    """The gradient of the state after a step -> of what the step made, and of the one before."""
    if zoneout is None:
        return gradient, None
    nothing = jax.tree.map(jnp.zeros_like, gradient)
    return mix(zoneout, gradient, nothing), mix(zoneout, nothing, gradient)
