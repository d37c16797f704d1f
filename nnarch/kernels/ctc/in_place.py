"""Both passes for CPUs: whatever a step makes is written over memory that the loop carries.

Fresh memory is zeroed and mapped page by page, and an array that is read after it is written over
is copied. So all that a step reads of the states is put aside before they are written, the frames
are loaded into a buffer, and the labels' shares are written over their logits.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.ctc.emissions import Emissions, Frame
from nnarch.kernels.ctc.passes import Passes, States
from nnarch.kernels.ctc.places import Flat
from nnarch.kernels.ctc.scaled import Scaled, inverse
from nnarch.kernels.stacks import at, put
from nnarch.kernels.varying import varying_as


class PassesInPlace(Passes):
    """As `Passes`; the stack of what came into the labels has a slot more."""

    layout = Flat

    def gather(self, *, keep: bool) -> tuple[States, Scaled]:
        """Up to the middle -> the states there, and a stack of what came into the labels."""

        def step(carry, i):
            states, aside, frame = carry
            frame = self._load(frame, self.emissions, i)
            incoming = self.incoming(states, frame)
            aside, incoming = self._put_aside(aside, incoming, i if keep else 0)
            return (self.emit(states, incoming, frame), aside, frame), None

        carry = (self.start(), self._room(self.half if keep else 1), self._no_frame())
        (states, aside, _), _ = lax.scan(step, carry, jnp.arange(self.half, dtype=jnp.uint32))
        return states, aside

    def combine(self, states: States, left: Scaled, likelihood: Scaled) -> Array:
        """From the middle on -> the labels' share of each frame [B, T, P]."""
        whole = jax.tree.map(self.of_rows, inverse(likelihood))

        def step(carry, i):
            states, aside, shares, frame = carry
            frame = self._load(frame, self.emissions._replace(labels=shares), i)
            aside, incoming = self._put_aside(aside, self.incoming(states, frame), 0)
            other = jax.tree.map(lambda stack: at(stack, self.last - i), left)
            share = self.share(incoming, frame, other, whole)
            shares = self._write(shares, share, i)
            return (self.emit(states, incoming, frame), aside, shares, frame), None

        carry = (states, self._room(1), self.emissions.labels, self._no_frame())
        slots = self.half + jnp.arange(self.half, dtype=jnp.uint32)
        (_, _, shares, _), _ = lax.scan(step, carry, slots)
        return shares

    def _load(self, frame: Frame, emissions: Emissions, i: Array) -> Frame:
        """Both frames of an iteration, over those of another."""
        for number, new in enumerate(self.frames(emissions, i)):
            frame = jax.tree.map(lambda two, one, n=number: put(two, one, n), frame, new)
        return frame

    def _put_aside(self, aside: Scaled, incoming: States, slot: Array | int):
        """Puts what comes into the states aside -> (what is aside now, the same read from there).

        It is read when all of it is written, and so no state is read after it is written anew.
        """
        of_blanks = aside.m.shape[0] - 1
        blanks = jax.tree.map(self.places.places, incoming.blanks)
        aside = jax.tree.map(lambda stack, new: put(stack, new, slot), aside, incoming.labels)
        aside = jax.tree.map(lambda stack, new: put(stack, new, of_blanks), aside, blanks)
        labels = jax.tree.map(lambda stack: at(stack, slot), aside)
        blanks = jax.tree.map(lambda stack: self.places.rows(at(stack, of_blanks)), aside)
        return aside, States(blanks, labels)

    def _write(self, shares: Array, share: Array, i: Array) -> Array:
        """Writes places into the frames i and T - 1 - i of [B, T, P]."""
        forward, backward = self.places.rows(share)
        shares = put(shares, forward, i, axis=1)
        return put(shares, self.places.reversed(backward), self.last - i, axis=1)

    def _room(self, slots: int) -> Scaled:
        """Slots for what comes into the labels, and one for what comes into the blanks."""
        return self._zeros((slots + 1, *self.skip.shape))

    def _no_frame(self) -> Frame:
        return Frame(self._zeros(self.places.shape[:2]), self._zeros(self.places.shape))

    def _zeros(self, shape: tuple[int, ...]) -> Scaled:
        zeros = (jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.int32))
        return Scaled(*(varying_as(self.emissions.labels, x) for x in zeros))
