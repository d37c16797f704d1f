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
    product,
    times,
    total,
    zero_or_one,
)
from nnarch.kernels.varying import varying_as


class States(NamedTuple):
    """The probability of all that leads to each state, in both passes."""

    blanks: Scaled  # [2, B, P]
    labels: Scaled  # as the places store them


class Passes:
    """Both passes over one batch, for accelerators: a step is as few kernels as can be."""

    layout: type[Rows] = Rows

    def __init__(self, emissions: Emissions):
        batch, steps, columns = emissions.labels.shape
        self.emissions, self.half, self.last = emissions, steps // 2, jnp.uint32(steps - 1)
        self.places = self.layout(batch, columns)
        skip = emissions.columns.skip
        behind = jnp.pad(skip[:, 1:], ((0, 0), (0, 1)))
        self.skip = self.places.places(self.places.both(skip, behind))

    def gather(self, *, keep: bool) -> tuple[States, Scaled | None]:
        """Up to the middle -> the states there, and a stack of what came into the labels."""

        def step(states, i):
            frame = self.frame(i)
            incoming = self.incoming(states, frame)
            return self.emit(states, incoming, frame), incoming.labels if keep else None

        return lax.scan(step, self.start(), jnp.arange(self.half, dtype=jnp.uint32))

    def meet(self, states: States) -> Scaled:
        """The likelihood of each row [B]: what comes into a state in one pass, by it in the other.

        `states` are those after `gather`.
        """
        forward, places = self.incoming(states, self.frame(jnp.uint32(self.half))), self.places
        behind = jax.tree.map(lambda x: places.rows(places.here(x))[1], states.labels)
        of_labels = product(
            jax.tree.map(lambda x: places.rows(x)[0], forward.labels),
            jax.tree.map(places.reversed, behind),
        )
        of_blanks = product(  # their columns are one apart
            jax.tree.map(lambda x: x[0, :, 1:], forward.blanks),
            jax.tree.map(lambda x: places.reversed(x[1])[:, :-1], states.blanks),
        )
        both = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), of_labels, of_blanks)
        return total(both, axis=1)

    def combine(self, states: States, left: Scaled, likelihood: Scaled) -> Array:
        """From the middle on -> the labels' share of each frame [B, T, P].

        `states` and `left` are those of `gather`, with what it kept.
        """
        whole = jax.tree.map(self.of_rows, inverse(likelihood))

        def step(states, inputs):
            i, other = inputs
            frame = self.frame(i)
            incoming = self.incoming(states, frame)
            return self.emit(states, incoming, frame), self.share(incoming, frame, other, whole)

        slots = self.half + jnp.arange(self.half, dtype=jnp.uint32)
        latest_first = jax.tree.map(lambda stack: stack[::-1], left)
        _, shares = lax.scan(step, states, (slots, latest_first))
        behind = shares[::-1, 1, :, ::-1]
        return jnp.moveaxis(jnp.concatenate([behind, shares[:, 0]]), 0, 1)

    def start(self) -> States:
        """In front of the first frame: a blank before all labels; behind the last: one after."""
        column = jnp.arange(self.places.shape[2])
        backward = column == self.emissions.columns.last[:, None]
        forward = varying_as(backward, jnp.broadcast_to(column == 1, backward.shape))
        blanks = zero_or_one(self.places.both(forward, backward))
        nothing = varying_as(backward, jnp.zeros(self.places.shape, bool))
        m, e = zero_or_one(self.places.places(nothing))
        return States(blanks, Scaled(self.places.stored(m, 0), self.places.stored(e, NOTHING)))

    def frames(self, emissions: Emissions, i: Array) -> tuple[Frame, Frame]:
        """The frame i of the forward pass, the frame T - 1 - i of the backward pass."""
        lengths, behind = emissions.lengths, self.last - i
        # Behind a row's last frame the forward pass takes one more step, into the blank after all
        # labels, which is where the backward pass starts.
        forward = frame_at(emissions, i, moving=i.astype(jnp.int32) <= lengths)
        backward = frame_at(emissions, behind, moving=behind.astype(jnp.int32) < lengths)
        backward = Frame(
            jax.tree.map(self.places.behind, backward.blanks),
            jax.tree.map(self.places.reversed, backward.labels),
        )
        return forward, backward

    def frame(self, i: Array) -> Frame:
        """Both frames of an iteration."""
        forward, backward = self.frames(self.emissions, i)
        return jax.tree.map(lambda f, b: jnp.stack([f, b]), forward, backward)

    def incoming(self, states: States, frame: Frame) -> States:
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

    def emit(self, states: States, incoming: States, frame: Frame) -> States:
        """The states after a frame, stored where those before it were."""
        blanks = times(incoming.blanks, jax.tree.map(lambda x: x[..., None], frame.blanks))
        labels = times(incoming.labels, self.of_labels(frame))
        return States(blanks, jax.tree.map(self.places.store, states.labels, labels))

    def share(self, incoming: States, frame: Frame, other: Scaled, whole: Scaled) -> Array:
        """The labels' share of a frame, in places."""
        partner = jax.tree.map(self.places.partner, other)
        m, e = product(incoming.labels, self.of_labels(frame), partner, whole)
        return m * power_of_two(jnp.minimum(e, 64))  # as mantissas are not normal here

    def of_labels(self, frame: Frame) -> Scaled:
        """What a frame's labels emit, in places."""
        return jax.tree.map(self.places.places, frame.labels)

    def of_rows(self, x: Array) -> Array:
        """[B] -> places."""
        rows = jnp.broadcast_to(x[:, None], self.places.shape[1:])
        return self.places.places(self.places.both(rows, rows))


def _only(where: Array, number: Scaled) -> Scaled:
    return Scaled(number.m, jnp.where(where, number.e, MASKED))
