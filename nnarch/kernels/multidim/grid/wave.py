"""A Grid LSTM along its anti-diagonals, with a backward pass of its own.

The loop runs along the first dimension. The other dimensions are lanes: in 2-D the layers, in 3-D
layers and columns. At step s a lane is at place s - l (s - l - x) of the first dimension, so all
blocks of a step are independent: one product over all lanes, untied one for each layer. Along the
first dimension a block's output stays in its lane, along any other it moves on by one lane. In 1-D
there are no lanes, and the loop runs over depth itself.

Loop forward keeps what enters each block, and its gates; loop backward makes the gradients of the
gates' arguments alone; weight gradients are one product over all steps and lanes, after it.

Inside, arrays are [*lanes, B, ...], stacks [S, *lanes, B, ...]. What enters a lane before its first
and after its last place is zero or what was there before, never padding, and nothing of it comes
back to where there is a block: no gradient is made there.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.grid.block import Block, Flow
from nnarch.kernels.multidim.grid.parameters import GridParams, GridState
from nnarch.kernels.rounded import rounded_einsum
from nnarch.kernels.stacks import at
from nnarch.kernels.varying import varying_alike


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    block: Block
    steps: int
    lanes: tuple[int, ...]  # (), (layers,) or (layers, columns)
    tied: bool
    operand: str  # the dtype that operands of products are rounded to

    @property
    def sides(self) -> range:
        """The dimensions that are lanes. Dimension n moves along lane axis N - 1 - n."""
        return range(1, len(self.block.dimensions))

    def axis(self, place: int) -> int:
        """The lane axis that a dimension moves along."""
        return len(self.block.dimensions) - 1 - place


def wave(
    plan: Plan,
    params: GridParams,
    initial: GridState,
    entering: tuple[GridState, ...],
    limits: Array,
) -> tuple[GridState, tuple[GridState, ...]]:
    """Runs all blocks.

    Args:
      plan: what is static.
      params: as of the public functions.
      initial: what enters the first place of each lane [*lanes, B, H].
      entering: of each other dimension, what enters its first lane at each step
        [S, other lanes, B, H].
      limits: int32 [B, N - 1]: how many places of the first dimension, and in 3-D columns, there
        are; the depth is always whole.

    Returns:
      What leaves the last place of each lane, and what leaves the last lanes at each step.
    """
    exact = accumulator(jnp.dtype(plan.operand))
    params, initial, entering, limits = varying_alike((params, initial, entering, limits))
    initial, entering = jax.tree.map(lambda a: a.astype(exact), (initial, entering))
    return _wave(plan, params, initial, entering, limits)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _wave(plan, params, initial, entering, limits):
    products = Products(plan, params)

    def step(carry, inputs):
        slot, entering = inputs
        flow = _arriving(plan, carry, entering)
        after, _ = plan.block.forward(products.at(slot), flow)
        return _moved_on(plan, carry, after, slot, limits)

    carry = initial, _idle(plan, initial)
    (final, _), leaving = lax.scan(step, carry, (_slots(plan), entering))
    return final, leaving


def _forward(plan, params, initial, entering, limits):
    products = Products(plan, params)

    def step(carry, inputs):
        slot, entering = inputs
        flow = _arriving(plan, carry, entering)
        after, gates = plan.block.forward(products.at(slot), flow)
        carry, leaving = _moved_on(plan, carry, after, slot, limits)
        kept = products.rounded((jnp.concatenate(flow.h, axis=-1), gates))
        return carry, (leaving, (*kept, flow.m))

    carry = initial, _idle(plan, initial)
    (final, _), (leaving, kept) = lax.scan(step, carry, (_slots(plan), entering))
    return (final, leaving), (params, limits, kept)


def _backward(plan, residuals, cotangents):
    params, limits, (hs, gates, ms) = residuals
    dfinal, dleaving = cotangents
    products = Products(plan, params)

    def step(carry, inputs):
        dfirst, darrived = carry
        slot, kept, dleaving = inputs
        gates, m = kept
        dafter, passed_on = _returned(plan, dfirst, darrived, dleaving, slot, limits)
        dflow, dz = plan.block.backward(products.at(slot), m, products.exact(gates), dafter)
        dfirst, *darrived = map(GridState, *dflow)
        dfirst = jax.tree.map(jnp.add, dfirst, passed_on)
        dentering = _first_lanes(plan, darrived)
        return (dfirst, tuple(darrived)), (dentering, products.rounded(dz))

    carry = dfinal, _idle(plan, dfinal)
    slots = _slots(plan), (gates, ms), dleaving
    (dinitial, _), (dentering, dzs) = lax.scan(step, carry, slots, reverse=True)
    dparams = _weight_gradients(plan, params, plan.block.seen(hs, ms, gates), dzs)
    return dparams, dinitial, dentering, None


_wave.defvjp(_forward, _backward)


def _slots(plan: Plan) -> Array:
    return jnp.arange(plan.steps, dtype=jnp.int32)


def _idle(plan: Plan, like: GridState) -> tuple[GridState, ...]:
    """Zeros in all lanes, for each dimension but the first."""
    return tuple(
        GridState(
            jnp.zeros_like(like.h),
            jnp.zeros_like(like.h) if plan.block.dimensions[place] == "lstm" else None,
        )
        for place in plan.sides
    )


def _valid(plan: Plan, slot: Array, limits: Array) -> Array:
    """bool [*lanes, B]: where there is a block at this step."""
    lanes = jnp.indices(plan.lanes, dtype=jnp.int32, sparse=True)
    place = slot - sum(lanes)
    valid = (place[..., None] >= 0) & (place[..., None] < limits[:, 0])
    if len(plan.lanes) == 2:
        valid &= lanes[1][..., None] < limits[:, 1]
    return valid


def _arriving(plan: Plan, carry, entering) -> Flow:
    """What enters the blocks: in each lane what the lane before gave, in the first what enters."""
    first, left = carry

    def shifted(place, new, old):
        axis = plan.axis(place)
        kept = lax.slice_in_dim(old, 0, old.shape[axis] - 1, axis=axis)
        return jnp.concatenate([jnp.expand_dims(new, axis), kept], axis=axis)

    moved = [
        jax.tree.map(partial(shifted, place), new, old)
        for place, new, old in zip(plan.sides, entering, left, strict=True)
    ]
    states = [first, *moved]
    return Flow(tuple(s.h for s in states), tuple(s.m for s in states))


def _moved_on(plan: Plan, carry, after: Flow, slot: Array, limits: Array):
    """The carry after a step, and what leaves the last lanes."""
    first, *others = map(GridState, *after)
    if plan.lanes:
        valid = _valid(plan, slot, limits)[..., None]
        first = jax.tree.map(lambda new, old: jnp.where(valid, new, old), first, carry[0])
    return (first, tuple(others)), _last_lanes(plan, others)


def _last_lanes(plan: Plan, states) -> tuple[GridState, ...]:
    return _lanes(plan, states, -1)


def _first_lanes(plan: Plan, states) -> tuple[GridState, ...]:
    return _lanes(plan, states, 0)


def _lanes(plan: Plan, states, which: int) -> tuple[GridState, ...]:
    """Of each dimension the first or the last lane that it moves through."""

    def lane(axis: int, array: Array) -> Array:
        return at(array, which % array.shape[axis], axis=axis)

    return tuple(
        jax.tree.map(partial(lane, plan.axis(place)), state)
        for place, state in zip(plan.sides, states, strict=True)
    )


def _returned(plan: Plan, dfirst, darrived, dleaving, slot, limits) -> tuple[Flow, GridState]:
    """The transpose of `_moved_on` and of the next step's `_arriving`: the gradient of what leaves
    the blocks, and that of the first dimension where there is none.
    """

    def shifted(place, last, arrived):
        axis = plan.axis(place)
        kept = lax.slice_in_dim(arrived, 1, arrived.shape[axis], axis=axis)
        return jnp.concatenate([kept, jnp.expand_dims(last, axis)], axis=axis)

    others = [
        jax.tree.map(partial(shifted, place), last, arrived)
        for place, last, arrived in zip(plan.sides, dleaving, darrived, strict=True)
    ]
    passed_on = jax.tree.map(jnp.zeros_like, dfirst)
    if plan.lanes:
        valid = _valid(plan, slot, limits)[..., None]
        passed_on = jax.tree.map(lambda d: jnp.where(valid, 0, d), dfirst)
        dfirst = jax.tree.map(lambda d: jnp.where(valid, d, 0), dfirst)
    states = [dfirst, *others]
    return Flow(tuple(s.h for s in states), tuple(s.m for s in states)), passed_on


class Products:
    """The products of a block's weights, a group's dimensions side by side."""

    def __init__(self, plan: Plan, params: GridParams):
        """Joins, rounds and transposes the weights, once and before the loop."""
        self.plan = plan
        self.operand = jnp.dtype(plan.operand)
        self.accumulator = accumulator(self.operand)
        self.slot = None
        groups = plan.block.groups
        self.w = [self._joined(params.w, group).astype(self.operand) for group in groups]
        self.b = [self._joined(params.b, group).astype(self.accumulator) for group in groups]
        self.w_transposed = [lax.optimization_barrier(jnp.swapaxes(w, -1, -2)) for w in self.w]

    @staticmethod
    def _joined(of: tuple[Array, ...], group: tuple[int, ...]) -> Array:
        return jnp.concatenate([of[place] for place in group], axis=-1)

    def at(self, slot: Array) -> "Products":
        """Those of a step: in 1-D its layer's weights."""
        if self.plan.tied or self.plan.lanes:
            return self
        chosen = object.__new__(Products)
        chosen.__dict__ |= self.__dict__
        for name in ("w", "b", "w_transposed"):
            setattr(chosen, name, [at(each, slot) for each in getattr(self, name)])
        return chosen

    def affine(self, number: int, h: Array) -> Array:
        """H w + b of a group: [*lanes, B, N H] -> [*lanes, B, sum of G H]."""
        b = self.b[number]
        if not self.plan.tied and self.plan.lanes:
            b = b.reshape(b.shape[0], *(1,) * len(self.plan.lanes), b.shape[1])
        return self._times(h, self.w[number]) + b

    def pull(self, number: int, dz: Array) -> Array:
        """The gradient of H through `affine`."""
        return self._times(dz, self.w_transposed[number])

    def _times(self, v: Array, w: Array) -> Array:
        layers_apart = not self.plan.tied and self.plan.lanes
        rule = "l...k,lkw->l...w" if layers_apart else "...k,kw->...w"
        return rounded_einsum(rule, v, w, self.operand)

    def rounded(self, tree):
        """What is kept of a step."""
        return jax.tree.map(lambda a: a.astype(self.operand), tree)

    def exact(self, tree):
        """What a step computes with."""
        return jax.tree.map(lambda a: a.astype(self.accumulator), tree)


def _weight_gradients(plan: Plan, params: GridParams, seen, dzs) -> GridParams:
    """From stacks of what each group saw and of the gradients of its arguments: one product a
    group over all steps and lanes, untied one for each layer.
    """
    exact = accumulator(jnp.dtype(plan.operand))
    dw, db = [None] * len(params.w), [None] * len(params.b)
    rule = _product_rule(plan)
    for group, h, dz in zip(plan.block.groups, seen, dzs, strict=True):
        widths = [params.b[place].shape[-1] for place in group]
        cuts = [sum(widths[:n]) for n in range(1, len(widths))]
        both = rounded_einsum(rule, h, dz, dz.dtype)
        biases = jnp.sum(dz, axis=_summed_axes(plan, dz.ndim), dtype=exact)
        parts = zip(jnp.split(both, cuts, -1), jnp.split(biases, cuts, -1), strict=True)
        for place, (w, b) in zip(group, parts, strict=True):
            dw[place], db[place] = w.astype(params.w[place].dtype), b.astype(params.b[place].dtype)
    return GridParams(tuple(dw), tuple(db))


def _product_rule(plan: Plan) -> str:
    if not plan.lanes:
        return "sbk,sbw->kw" if plan.tied else "sbk,sbw->skw"
    rows = "slxb" if len(plan.lanes) == 2 else "slb"
    return f"{rows}k,{rows}w->{'' if plan.tied else 'l'}kw"


def _summed_axes(plan: Plan, rank: int) -> tuple[int, ...]:
    layers = None if plan.tied else (1 if plan.lanes else 0)
    return tuple(axis for axis in range(rank - 1) if axis != layers)
