"""The forward and the backward pass of CTC in one loop, which meets itself in the middle.

At iteration i the forward pass is at frame i, the backward pass at frame T - 1 - i. Up to the
middle both leave behind what came into each label; from there on each multiplies what comes into
its labels with what the other has left, which is the labels' share of that frame, and leaves
nothing more. The blanks' share is the rest, so blanks leave nothing at all.

Frames past a row's end let every state stay, at no cost: the product of the two passes is then the
same at each frame, and rows of any length meet in the middle.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.ctc.emissions import STAY, Emissions, Frame, frame_at
from nnarch.kernels.ctc.places import Rows
from nnarch.kernels.ctc.scaled import (
    MASKED,
    NOTHING,
    Scaled,
    add,
    inverse,
    power_of_two,
    times,
    total,
    zero_or_one,
)
from nnarch.kernels.ctc.stacks import at, put
from nnarch.kernels.varying import varying_as


class States(NamedTuple):
    """The probability of all that leads to each state, in both passes."""

    blanks: Scaled  # [2, B, P]
    labels: Scaled  # as the places store them


class Passes:
    """Both passes over one batch."""

    def __init__(self, layout: type[Rows], emissions: Emissions):
        batch, steps, columns = emissions.labels.shape
        self.emissions, self.half, self.last = emissions, steps // 2, jnp.uint32(steps - 1)
        self.places = layout(batch, columns)
        skip = emissions.columns.skip
        behind = jnp.pad(skip[:, 1:], ((0, 0), (0, 1)))
        self.skip = self.places.places(self.places.both(skip, behind))

    def gather(self, *, keep: bool) -> tuple[States, Scaled]:
        """Up to the middle -> the states there, and what came into the labels if that is kept: a
        stack of T / 2 slots and one more.
        """

        def step(carry, i):
            states, aside, frame = carry
            frame = self._load(self.emissions, frame, i)
            incoming = self._incoming(states, frame)
            aside, incoming = self._put_aside(aside, incoming, i if keep else 0)
            return (self._emit(states, incoming, frame), aside, frame), None

        carry = (self._start(), self._room(self.half if keep else 1), self._no_frame())
        (states, aside, _), _ = lax.scan(step, carry, jnp.arange(self.half, dtype=jnp.uint32))
        return states, aside

    def meet(self, states: States) -> Scaled:
        """The likelihood of each row [B]: what comes into a state in one pass, by it in the other.

        `states` are those after `gather`.
        """
        frame = self._load(self.emissions, self._no_frame(), jnp.uint32(self.half))
        forward, places = self._incoming(states, frame), self.places
        of_labels = _product(
            jax.tree.map(lambda x: places.rows(x)[0], forward.labels),
            jax.tree.map(lambda x: places.reversed(places.rows(places.here(x))[1]), states.labels),
        )
        of_blanks = _product(  # columns are one apart: see `places`
            jax.tree.map(lambda x: x[0, :, 1:], forward.blanks),
            jax.tree.map(lambda x: places.reversed(x[1])[:, :-1], states.blanks),
        )
        both = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), of_labels, of_blanks)
        return total(both, axis=1)

    def combine(self, states: States, left: Scaled, likelihood: Scaled) -> Array:
        """From the middle on -> the labels' share of each frame [B, T, P], over their logits.

        `states` and `left` are those of `gather`, with what it kept.
        """
        whole = jax.tree.map(self._of_rows, inverse(likelihood))

        def step(carry, i):
            states, aside, shares, frame = carry
            frame = self._load(self.emissions._replace(labels=shares), frame, i)
            aside, incoming = self._put_aside(aside, self._incoming(states, frame), 0)
            other = jax.tree.map(lambda stack: self.places.partner(at(stack, self.last - i)), left)
            share = _product(incoming.labels, self._of_labels(frame), other, whole)
            shares = self._write(shares, share, i)
            return (self._emit(states, incoming, frame), aside, shares, frame), None

        carry = (states, self._room(1), self.emissions.labels, self._no_frame())
        slots = self.half + jnp.arange(self.half, dtype=jnp.uint32)
        (_, _, shares, _), _ = lax.scan(step, carry, slots)
        return shares

    def _start(self) -> States:
        """In front of the first frame: a blank before all labels; behind the last: one after."""
        column = jnp.arange(self.places.shape[2])
        backward = column == self.emissions.columns.last[:, None]
        forward = varying_as(backward, jnp.broadcast_to(column == 1, backward.shape))
        blanks = zero_or_one(self.places.both(forward, backward))
        nothing = varying_as(backward, jnp.zeros(self.places.shape, bool))
        m, e = zero_or_one(self.places.places(nothing))
        return States(blanks, Scaled(self.places.stored(m, 0), self.places.stored(e, NOTHING)))

    def _load(self, emissions: Emissions, frame: Frame, i: Array) -> Frame:
        """The frames i and T - 1 - i, written over another frame's."""
        lengths, behind = emissions.lengths, self.last - i
        # Behind a row's last frame the forward pass takes one more step, into the blank after all
        # labels, which is where the backward pass starts.
        forward = frame_at(emissions, i, moving=i.astype(jnp.int32) <= lengths)
        backward = frame_at(emissions, behind, moving=behind.astype(jnp.int32) < lengths)
        backward = Frame(
            jax.tree.map(self.places.behind, backward.blanks),
            jax.tree.map(self.places.reversed, backward.labels),
        )
        frame = jax.tree.map(lambda two, new: put(two, new, 0), frame, forward)
        return jax.tree.map(lambda two, new: put(two, new, 1), frame, backward)

    def _incoming(self, states: States, frame: Frame) -> States:
        """What comes into each state from those of the frame before; the labels' in places."""
        places, blanks, (m, e) = self.places, states.blanks, states.labels
        here = Scaled(places.here(m), places.here(e))
        before = Scaled(places.before(m, 0), places.before(e, NOTHING))
        moves = frame.blanks.e[..., None] < STAY.e
        into_blanks = add(blanks, _only(moves, jax.tree.map(places.rows, before)))
        moves = places.places(frame.labels.e) < STAY.e
        blanks = jax.tree.map(places.places, blanks)
        into_labels = add(here, _only(moves, blanks), _only(moves & self.skip, before))
        return States(into_blanks, into_labels)

    def _put_aside(self, aside: Scaled, incoming: States, slot: Array | int):
        """Puts what comes into the states aside -> (what is aside now, the same read from there).

        It is read when all of it is written, and so the states are read before they are written
        anew: otherwise XLA copies them at each step.
        """
        blanks_slot = aside.m.shape[0] - 1
        aside = jax.tree.map(lambda stack, new: put(stack, new, slot), aside, incoming.labels)
        blanks = jax.tree.map(self.places.places, incoming.blanks)
        aside = jax.tree.map(lambda stack, new: put(stack, new, blanks_slot), aside, blanks)
        labels = jax.tree.map(lambda stack: at(stack, slot), aside)
        blanks = jax.tree.map(lambda stack: self.places.rows(at(stack, blanks_slot)), aside)
        return aside, States(blanks, labels)

    def _emit(self, states: States, incoming: States, frame: Frame) -> States:
        """The states after a frame, written over those before it."""
        blanks = times(incoming.blanks, jax.tree.map(lambda x: x[..., None], frame.blanks))
        labels = times(incoming.labels, self._of_labels(frame))
        return States(blanks, jax.tree.map(self.places.store, states.labels, labels))

    def _write(self, shares: Array, share: Scaled, i: Array) -> Array:
        """Writes places into the frames i and T - 1 - i of [B, T, P]."""
        m, e = share
        forward, backward = self.places.rows(m * power_of_two(jnp.minimum(e, 64)))
        shares = put(shares, forward, i, axis=1)
        return put(shares, self.places.reversed(backward), self.last - i, axis=1)

    def _of_labels(self, frame: Frame) -> Scaled:
        return jax.tree.map(self.places.places, frame.labels)

    def _of_rows(self, x: Array) -> Array:
        """[B] -> places."""
        rows = jnp.broadcast_to(x[:, None], self.places.shape[1:])
        return self.places.places(self.places.both(rows, rows))

    def _room(self, slots: int) -> Scaled:
        """Slots for what comes into the labels, and one for what comes into the blanks."""
        shape = jax.eval_shape(self.places.places, self._no_frame().labels.m).shape
        return self._zeros((slots + 1, *shape))

    def _no_frame(self) -> Frame:
        return Frame(self._zeros(self.places.shape[:2]), self._zeros(self.places.shape))

    def _zeros(self, shape: tuple[int, ...]) -> Scaled:
        zeros = (jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.int32))
        return Scaled(*(varying_as(self.emissions.labels, x) for x in zeros))


def _only(where: Array, number: Scaled) -> Scaled:
    return Scaled(number.m, jnp.where(where, number.e, MASKED))


def _product(*factors: Scaled) -> Scaled:
    """The mantissa is left as it comes."""
    m, e = factors[0]
    for factor in factors[1:]:
        m, e = m * factor.m, e + factor.e
    return Scaled(m, e)
