"""The prefixes that the beams of a search hold: their labels, and which begins which.

No two beams may hold the same prefix, so a beam that would grow into what another holds has to be
found. That other need not have grown from it: where a, ab and abc are held, ab may be dropped and a
grow to ab anew, and that then into abc. So each beam knows the longest beam that begins it and the
label by which it goes on from there; what that beam grows into either is this label, and then comes
between the two, or is not. One more label has to be looked up then, the one behind the new beam.

Looking up takes all labels of all beams, and moving them whenever beams change places would cost
B W T a step. They lie in two parts instead: the labels added since a block of frames began, which
move with the beams, and the rows of labels held then, which stay where they are until it ends.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Prefixes(NamedTuple):
    """What each beam holds, in terms of the rows [B, W, T] with which the block of frames began."""

    last: Array  # [B, W] int32, the newest label, -1 where there is none
    lengths: Array  # [B, W] int32
    above: Array  # [B, W] int32, the longest beam that begins this one, -1 where none does
    turn: Array  # [B, W] int32, the label by which this beam goes on from there
    root: Array  # [B, W] int32, the row that this beam goes on from
    start: Array  # [B, W] int32, labels of that row
    tail: Array  # [B, W, C] int32, labels added since, at most one in each frame of the block


class Moves(NamedTuple):
    """Where the beams of a step come from."""

    source: Array  # [B, W] int32, a beam of the step before
    label: Array  # [B, W] int32, what it has grown by, -1 if it has not
    live: Array  # [B, W] bool; False where there is no beam: it begins none, so none grows into it


def empty(masses: Array, frames: int) -> Prefixes:
    """Prefixes without a label, for beams of masses [B, W] and blocks of so many frames."""
    zeros = jnp.zeros_like(masses, jnp.int32)
    tail = jnp.zeros_like(zeros, shape=(*zeros.shape, frames))
    return start_block(Prefixes(zeros - 1, zeros, zeros - 1, zeros, zeros, zeros, tail))


def start_block(prefixes: Prefixes) -> Prefixes:
    """Each beam goes on from its own row."""
    return prefixes._replace(root=_numbers(prefixes), start=prefixes.lengths)


def end_block(prefixes: Prefixes, rows: Array) -> Array:
    """The rows of labels [B, W, T] anew; past a prefix's length stands anything."""
    place = jnp.arange(rows.shape[2], dtype=jnp.int32) - prefixes.start[..., None]
    return jnp.where(place < 0, moved(rows, prefixes.root), at(prefixes.tail, place))


def parents(prefixes: Prefixes) -> Array:
    """[B, W]: the beam that holds all labels but the last, -1 where none does."""
    above, lengths = prefixes.above, prefixes.lengths
    return jnp.where((above >= 0) & (at(lengths, above) + 1 == lengths), above, -1)


def move(prefixes: Prefixes, rows: Array, moves: Moves) -> Prefixes:
    """The prefixes after a step. What grows into a beam's prefix is no move, but merged before."""
    grows = moves.label >= 0
    length, start = at(prefixes.lengths, moves.source), at(prefixes.start, moves.source)
    above, turn = _above(prefixes, rows, moves)
    place = jnp.arange(prefixes.tail.shape[2], dtype=jnp.int32)
    new = grows[..., None] & (place == (length - start)[..., None])
    return Prefixes(
        last=jnp.where(grows, moves.label, at(prefixes.last, moves.source)),
        lengths=jnp.where(grows, length + 1, length),
        above=jnp.where(moves.live, above, -1),
        turn=turn,
        root=at(prefixes.root, moves.source),
        start=start,
        tail=jnp.where(new, moves.label[..., None], moved(prefixes.tail, moves.source)),
    )


# What begins beam j after a step is found on the way from j up along `above`, at the first beam i
# where either
#     a new beam is above[i] grown by turn[i]     it comes between above[i] and i, or
#     above[i] is kept.
# The way is walked in strides of 1, 2, 4, ... beams. A beam that grows from j goes the same way,
# unless j itself is kept, which then begins it.
def _above(prefixes: Prefixes, rows: Array, moves: Moves) -> tuple[Array, Array]:
    beams = _numbers(prefixes)
    kept = _new_beams(moves, beams, jnp.full_like(beams, -1))
    between = _new_beams(moves, prefixes.above, prefixes.turn)
    first = prefixes.above < 0
    above = jnp.where(between >= 0, between, jnp.where(first, -1, at(kept, prefixes.above)))
    behind = _label_at(prefixes, rows, at(prefixes.lengths, prefixes.above) + 1)
    turn = jnp.where(between >= 0, behind, prefixes.turn)
    found = _walked(jnp.where((above >= 0) | first, beams, prefixes.above))
    found = at(found, moves.source)
    origin = at(kept, moves.source)
    from_origin = (moves.label >= 0) & (origin >= 0)
    return (
        jnp.where(from_origin, origin, at(above, found)),
        jnp.where(from_origin, moves.label, at(turn, found)),
    )


def _new_beams(moves: Moves, source: Array, label: Array) -> Array:
    """[B, W]: the new beam that is `source` grown by `label` (-1: not grown), -1 if none is."""
    same = (moves.source[:, :, None] == source[:, None]) & moves.live[:, :, None]
    same &= moves.label[:, :, None] == label[:, None]
    number = jnp.arange(source.shape[1], dtype=jnp.int32)[:, None]
    return jnp.max(jnp.where(same, number, -1), axis=1)


def _walked(next_beam: Array) -> Array:
    """Where each beam's way ends, that ends at the beams whose next is themselves."""
    stride = 1
    while stride < next_beam.shape[1]:
        next_beam = at(next_beam, next_beam)
        stride *= 2
    return next_beam


def _label_at(prefixes: Prefixes, rows: Array, place: Array) -> Array:
    """[B, W]: each beam's label at place [B, W], counted from 0; any if it has none there."""
    steps = rows.shape[2]
    old = at(flat(rows), prefixes.root * steps + place)
    size = prefixes.tail.shape[2]
    since = jnp.clip(place - prefixes.start, 0, size - 1)
    new = at(flat(prefixes.tail), _numbers(prefixes) * size + since)
    return jnp.where(place < prefixes.start, old, new)


def _numbers(prefixes: Prefixes) -> Array:
    """[B, W]: each beam's own number."""
    zeros = jnp.zeros_like(prefixes.root)
    return zeros + jnp.arange(zeros.shape[1], dtype=zeros.dtype)


def at(values: Array, index: Array) -> Array:
    """values [..., N] at index [..., M]; beyond the ends, those at the ends."""
    return jnp.take_along_axis(values, index, axis=-1, mode="clip")


def flat(rows: Array) -> Array:
    """[B, W, N] -> [B, W N]."""
    batch, beams, size = rows.shape
    return rows.reshape(batch, beams * size)


def moved(rows: Array, source: Array) -> Array:
    """rows [B, W, ...], of which each goes where source [B, W] names it."""
    return jax.vmap(lambda row, index: row.at[index].get(mode="clip"))(rows, source)
