"""A cell over time as one `lax.scan`, with a backward pass of its own.

Autodiff of a scan would add to each weight's gradient at every step, and would keep every
intermediate. Here the loop forward keeps the states and what the cell asks for; the loop backward
makes only the gradients of the gates' arguments, which the step before needs; and each weight's
gradient is one product over all steps after it. So no weight's gradient is read, written or, where
the batch is sharded, reduced over devices inside a loop.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.recurrent.options import (
    NONE,
    Options,
    before_a_start,
    mix,
    mix_gradient,
)
from nnarch.kernels.recurrent.products import Gates, OnAccelerator, OnCPU, join
from nnarch.kernels.recurrent.step import Step
from nnarch.kernels.stacks import at, put
from nnarch.kernels.varying import varying_alike, varying_as


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    step: Step
    reverse: bool


class Residuals(NamedTuple):
    """What the pass backward reads of the pass forward: stacks [T + 1, B, ...]."""

    states: tuple  # the step's State, of stacks that begin (end, if reverse) with the initial one
    saved: tuple  # what the step saved, and behind it the inputs, if it keeps them


def scan(
    plan: Plan,
    params: tuple,
    xs: Array,
    initial: tuple,
    valid: Array | None,
    options: Options = NONE,
):
    """xs [B, T, D], initial states [B, H], valid bool [B, T] or None -> (ys [B, T, H], final).

    Starts among the options are in the order of the run; masks and rates get no gradient.
    """
    operands = varying_alike((params, xs, initial, valid, options))
    params, xs, initial, valid, options = operands
    if valid is not None:
        xs = jnp.where(valid[..., None], xs, 0)  # padding may hold NaN, and NaN * 0 is NaN
    return _scan(plan, params, xs, initial, valid, options)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(plan, params, xs, initial, valid, options):
    return _on_platform(partial(_forward, plan=plan), params, xs, initial, valid, options)


def _scan_forward(plan, params, xs, initial, valid, options):
    run = partial(_forward_and_keep, plan=plan)
    out, residuals = _on_platform(run, params, xs, initial, valid, options)
    return out, (params, xs, valid, options, residuals)


def _scan_backward(plan, kept, cotangents):
    params, xs, valid, options, residuals = kept
    run = partial(_backward, plan=plan)
    dparams, dxs, dinitial = _on_platform(run, params, xs, valid, options, residuals, cotangents)
    dparams = jax.tree.map(lambda g, p: g.astype(p.dtype), dparams, params)
    return dparams, dxs, dinitial, None, None


_scan.defvjp(_scan_forward, _scan_backward)


def _on_platform(run, *operands):
    return lax.platform_dependent(
        *operands, cpu=partial(run, OnCPU), default=partial(run, OnAccelerator)
    )


# Every stack has T + 1 slots. Before the loop the inputs are padded by one step, behind the last
# (in front of the first, if reverse), so that the slot of step t is also that of the state before
# it in the stack of states, which begins with the initial one. No stack has to be shifted or cut
# to take part in a weight's product: in the slot that is no step's the gradient is zero.


def _forward(multiply, params, xs, initial, valid, options, *, plan):
    products, valid, options = _enter(multiply, plan, params, xs, valid, options)
    inputs = plan.step.inputs(products, params)
    advance = _advance(plan, products, params, valid, options)

    def step(carry, slot):
        state, ys = carry
        state, _ = advance(inputs, state, slot)
        return (state, _put(ys, state.h, slot)), None

    carry = (initial, _stack(initial.h, xs))
    (state, ys), _ = lax.scan(step, carry, _slots(plan, xs), reverse=plan.reverse)
    return _leave(_cut(ys, plan.reverse), valid, plan), state


def _forward_and_keep(multiply, params, xs, initial, valid, options, *, plan):
    multiply = partial(multiply, training=True)
    products, valid, options = _enter(multiply, plan, params, xs, valid, options)
    inputs = plan.step.inputs(products, params)
    advance = _advance(plan, products, params, valid, options)
    saved_shapes = jax.eval_shape(
        lambda state: tuple(map(join, advance(inputs, state, 0)[1])), initial
    )
    in_place = plan.step.saves_over_inputs and _fits_over(inputs, saved_shapes, xs)

    def step(carry, slot):
        state, stacks = carry
        state, saved = advance(stacks.saved[0] if in_place else inputs, state, slot)
        states = _put_all(stacks.states, state, _after(plan, slot))
        saved = tuple(map(partial(_save, products, slot), stacks.saved, saved))
        return (state, Residuals(states, saved)), None

    states = jax.tree.map(lambda s: _stack(s, xs, s.dtype), initial)
    states = _put_all(states, initial, plan.reverse * xs.shape[1])
    saved = (inputs,) if in_place else _stacks_to_save(plan, saved_shapes, xs)
    carry = (initial, Residuals(states, saved))
    (state, kept), _ = lax.scan(step, carry, _slots(plan, xs), reverse=plan.reverse)
    if plan.step.keeps_inputs:
        kept = kept._replace(saved=kept.saved + tuple(s.astype(xs.dtype) for s in inputs))
    ys = _cut(kept.states.h, not plan.reverse).astype(xs.dtype)
    return (_leave(ys, valid, plan), state), kept


def _stacks_to_save(plan, shapes, xs):
    rounded = len(shapes) - plan.step.saved_exactly
    dtypes = [xs.dtype if n < rounded else shape.dtype for n, shape in enumerate(shapes)]
    return tuple(_stack(shape, xs, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))


def _fits_over(inputs, saved, xs):
    """Whether what a step saves may be written over what it has read, where it lies."""
    one = len(saved) == 1 and isinstance(inputs, Array)
    return one and inputs.shape[1:] == saved[0].shape and inputs.dtype == xs.dtype


def _backward(multiply, params, xs, valid, options, kept, cotangents, *, plan):
    multiply = partial(multiply, training=True)
    dys, dfinal = cotangents
    if valid is not None:
        dys = jnp.where(valid[..., None], dys, 0)
    products, valid, options = _enter(multiply, plan, params, xs, valid, options)
    dys = _time_first(_padded(plan, dys))
    retreat = _retreat(plan, products, params, kept.states, dys, valid, options)
    shapes, sums = _emitted_shapes(retreat, dfinal, kept.saved)
    written = [stack for stack, _ in zip(kept.saved, shapes, strict=False)]
    same = [s.shape for s in shapes] == [s.shape[1:] for s in written]
    in_place = same and products.overwrites
    rest = kept.saved[len(shapes) :] if in_place else ()

    def step(carry, slot):
        dstate, dzs, aside, sums = carry
        saved, aside = recall(dzs if in_place else kept.saved, aside, slot)
        emit = Writer(products, dzs, slot, sums)
        dstate = retreat(dstate, saved + [at(stack, slot) for stack in rest], slot, emit)
        return (dstate, emit.emitted, aside, emit.sums), None

    dzs = written if in_place else [_stack(s, xs) for s in shapes]
    aside = [_zeros((2, *s.shape), xs) for s in shapes] if in_place else []
    sums = [_zeros(s.shape, xs, s.dtype) for s in sums]
    slots = _slots(plan, xs)
    carry = (dfinal, dzs, aside, sums)
    (dstate, dzs, _, sums), _ = lax.scan(step, carry, slots, reverse=not plan.reverse)
    saved = rest if in_place else kept.saved
    states = before_a_start(options.starts, kept.states)
    sums = [jnp.sum(each, axis=0) for each in sums]
    dparams, dxs = plan.step.gradient(products, params, saved, states, dzs, *sums)
    return dparams, _time_first(_cut(dxs, plan.reverse)).astype(xs.dtype), dstate


def _enter(multiply, plan, params, xs, valid, options):
    """Binds the weights and the inputs to their products, and pads all else like the inputs."""
    inputs = _time_first(_padded(plan, xs))
    valid = None if valid is None else _padded(plan, valid).T
    options = options.over_time(lambda rows: _time_first(_padded(plan, rows)))
    products = multiply(plan.step.weights(params), inputs, xs.dtype, options.mask)
    return products, valid, options


def _leave(ys, valid, plan):
    """Brings the outputs back to the batch first, and zeroes the padding."""
    if valid is not None:
        ys = jnp.where(_rows(valid[_steps(plan)], ys), ys, 0)
    return _time_first(ys)


def _advance(plan, products, params, valid, options):
    """(inputs, state, slot) -> (the state after that step, what the pass backward wants of it)."""

    def advance(inputs, state, slot):
        state = before_a_start(options.starts_at(slot), state)
        after, saved = plan.step.forward(products, params, _each_at(inputs, slot), state)
        after = mix(options.zoneout_at(slot), after, state)
        return _where_valid(valid, slot, after, state), saved

    return advance


def _retreat(plan, products, params, states, dys, valid, options):
    """(gradient of the state after a step, saved, slot, emit) -> gradient of that before it."""

    def retreat(dstate, saved, slot, emit):
        starts, zoneout = options.starts_at(slot), options.zoneout_at(slot)
        before = before_a_start(starts, _each_at(states, slot))
        after = _each_at(states, _after(plan, slot))
        exact = dstate.h.dtype
        saved = [each.astype(exact) for each in saved]
        if zoneout is not None:
            after = plan.step.made(saved, before, after)
        dstate = dstate._replace(h=dstate.h + at(dys, slot).astype(exact))
        # A step that is padding hands its gradient on as it is, and makes none of its own: all
        # that a step makes is linear in the gradient that it is given.
        nothing = jax.tree.map(jnp.zeros_like, dstate)
        passed_on = _where_valid(valid, slot, nothing, dstate)
        dstate = _where_valid(valid, slot, dstate, nothing)
        dstate, kept = mix_gradient(zoneout, dstate)
        dbefore = plan.step.backward(products, params, saved, before, after, dstate, emit)
        if kept is not None:
            dbefore = jax.tree.map(jnp.add, dbefore, kept)
        dbefore = before_a_start(starts, dbefore)
        return dbefore if valid is None else jax.tree.map(jnp.add, dbefore, passed_on)

    return retreat


def recall(stacks, aside, slot):
    """What a step saved, put aside where there is room -> (it, what is aside now).

    XLA copies a stack that anything reads once it is written over.
    """
    if not aside:
        return [at(stack, slot) for stack in stacks], aside
    aside = [_put(two, at(stack, slot), 0) for two, stack in zip(aside, stacks, strict=True)]
    return [at(two, 0) for two in aside], aside


def _emitted_shapes(retreat, dfinal, stacks):
    """What a step emits, and what it adds up."""

    def step(dstate, stacks):
        emit = Joiner()
        retreat(dstate, [stack[0] for stack in stacks], 0, emit)
        return emit.emitted, emit.sums

    return jax.eval_shape(step, dfinal, stacks)


class Joiner:
    """An `emit` that shows what a cell emits, and keeps it."""

    def __init__(self):
        self.emitted, self.sums = [], []

    def __call__(self, gates):
        """Returns the gates joined."""
        self.emitted.append(join(gates))
        return self.emitted[-1]

    def add(self, parts):
        """Keeps what a step adds to the sums over time, a row each."""
        self.sums = list(parts)


class Writer:
    """An `emit` that writes into stacks at a slot."""

    def __init__(self, products, stacks, slot, sums):
        self.products, self.slot, self.sums = products, slot, sums
        self.stacks, self.emitted = list(stacks), []

    def __call__(self, gates):
        """Returns the gates joined."""
        stack, joined = self.products.write(self.stacks[len(self.emitted)], gates, self.slot)
        self.emitted.append(stack)
        return joined

    def add(self, parts):
        """Adds to the sums over time, a row each: over devices no loop has to sum them."""
        self.sums = [total + part for total, part in zip(self.sums, parts, strict=True)]


def _save(products, slot, stack, gates: Gates) -> Array:
    if isinstance(gates, tuple):
        return products.write(stack, gates, slot)[0]
    return _put(stack, gates, slot)


def _where_valid(valid, slot, new, old):
    if valid is None:
        return new
    here = at(valid, slot)
    return jax.tree.map(lambda n, o: jnp.where(_rows(here, n), n, o), new, old)


def _rows(mask: Array, like: Array) -> Array:
    """[B] or [T, B] -> what broadcasts against [B, ...] or [T, B, ...]."""
    return mask.reshape(mask.shape + (1,) * (like.ndim - mask.ndim))


def _time_first(rows: Array) -> Array:
    """[B, T, ...] -> [T, B, ...], and back."""
    return jnp.swapaxes(rows, 0, 1)


def _slots(plan: Plan, xs: Array) -> Array:
    """The slots of the steps, in the order of time. Unsigned: they need no look for a sign."""
    return jnp.arange(xs.shape[1], dtype=jnp.uint32) + jnp.uint32(plan.reverse)


def _after(plan: Plan, slot: Array) -> Array:
    """From the slot of the state before a step to that of the state after it."""
    return slot - 1 if plan.reverse else slot + 1


def _steps(plan: Plan) -> slice:
    """Which of the T + 1 slots are steps."""
    return slice(1, None) if plan.reverse else slice(-1)


def _padded(plan: Plan, rows: Array) -> Array:
    """[B, T, ...] -> [B, T + 1, ...], the slot that is no step's filled with zeros."""
    widths = [(0, 0)] * rows.ndim
    widths[1] = (int(plan.reverse), int(not plan.reverse))
    return jnp.pad(rows, widths)


def _stack(like, xs: Array, dtype: jnp.dtype | None = None) -> Array:
    """T + 1 slots of zeros for arrays like this one, in the dtype of xs if none is given."""
    return _zeros((xs.shape[1] + 1, *like.shape), xs, dtype)


def _zeros(shape: tuple[int, ...], xs: Array, dtype: jnp.dtype | None = None) -> Array:
    return varying_as(xs, jnp.zeros(shape, dtype or xs.dtype))


def _put(stack: Array, value: Array, slot: Array) -> Array:
    return put(stack, value.astype(stack.dtype), slot)


def _each_at(stacks, slot):
    return jax.tree.map(lambda s: at(s, slot), stacks)


def _put_all(stacks, values, slot):
    return jax.tree.map(lambda s, v: _put(s, v, slot), stacks, values)


def _cut(stack: Array, start: int) -> Array:
    """The T slots from the first or the second on."""
    return lax.slice_in_dim(stack, int(start), int(start) + stack.shape[0] - 1)
