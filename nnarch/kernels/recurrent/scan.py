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

from nnarch.kernels.recurrent.layouts import BatchFirst, FeaturesFirst, Layout
from nnarch.kernels.recurrent.step import Step
from nnarch.kernels.varying import varying_alike, varying_as


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    step: Step
    reverse: bool


class Residuals(NamedTuple):
    """What the pass backward reads of the pass forward: stacks of T + 1 slots."""

    states: tuple  # the step's State, of stacks that begin (end, if reverse) with the initial one
    saved: tuple  # what the step saved


def scan(plan: Plan, params: tuple, xs: Array, initial: tuple, valid: Array | None):
    """xs [B, T, D], initial states [B, H], valid bool [B, T] or None -> (ys [B, T, H], final)."""
    params, xs, initial, valid = varying_alike((params, xs, initial, valid))
    if valid is not None:
        xs = jnp.where(valid[..., None], xs, 0)  # padding may hold NaN, and NaN * 0 is NaN
    return _scan(plan, params, xs, initial, valid)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(plan, params, xs, initial, valid):
    return _on_platform(partial(_forward, plan=plan), params, xs, initial, valid)


def _scan_forward(plan, params, xs, initial, valid):
    run = partial(_forward_and_keep, plan=plan)
    out, residuals = _on_platform(run, params, xs, initial, valid)
    return out, (params, xs, valid, residuals)


def _scan_backward(plan, kept, cotangents):
    params, xs, valid, residuals = kept
    run = partial(_backward, plan=plan)
    dparams, dxs, dinitial = _on_platform(run, params, xs, valid, residuals, cotangents)
    dparams = jax.tree.map(lambda g, p: g.astype(p.dtype), dparams, params)
    return dparams, dxs, dinitial, None


_scan.defvjp(_scan_forward, _scan_backward)


def _on_platform(run, *operands):
    return lax.platform_dependent(
        *operands, cpu=partial(run, FeaturesFirst), default=partial(run, BatchFirst)
    )


# Every stack has T + 1 slots. Before the loop the inputs are padded by one step, behind the last
# (in front of the first, if reverse), so that the slot of step t is also that of the state before
# it in the stack of states, which begins with the initial one. No stack has to be shifted or cut
# to take part in a weight's product: in the slot that is no step's the gradient is zero. Nor do
# the rows of a stack lie a power of two of bytes apart, where they would fall into few sets of
# the cache.


def _forward(layout_type, params, xs, initial, valid, *, plan):
    layout, state, valid = _enter(layout_type, plan, params, xs, initial, valid)
    advance = _advance(plan, layout, params, valid)

    def step(carry, slot):
        state, ys = carry
        state, _ = advance(state, slot)
        return (state, _put(layout, ys, state.h, slot)), None

    ys = _stack(layout, state.h, xs)
    (state, ys), _ = lax.scan(step, (state, ys), _slots(plan, xs), reverse=plan.reverse)
    return _leave(layout, _cut(layout, ys, plan.reverse), state, valid, plan)


def _forward_and_keep(layout_type, params, xs, initial, valid, *, plan):
    layout, state, valid = _enter(layout_type, plan, params, xs, initial, valid)
    advance = _advance(plan, layout, params, valid)

    def step(carry, slot):
        state, stacks = carry
        state, saved = advance(state, slot)
        states = _put_all(layout, stacks.states, state, slot + _ahead(plan))
        return (state, Residuals(states, _put_all(layout, stacks.saved, saved, slot))), None

    _, saved_shapes = jax.eval_shape(advance, state, 0)
    states = jax.tree.map(lambda s: _stack(layout, s, xs, s.dtype), state)
    states = _put_all(layout, states, state, plan.reverse * xs.shape[1])
    saved = jax.tree.map(lambda s: _stack(layout, s, xs), saved_shapes)
    carry = (state, Residuals(states, saved))
    (state, kept), _ = lax.scan(step, carry, _slots(plan, xs), reverse=plan.reverse)
    ys = _cut(layout, kept.states.h, not plan.reverse).astype(xs.dtype)
    return _leave(layout, ys, state, valid, plan), jax.tree.map(layout.export, kept)


def _backward(layout_type, params, xs, valid, kept, cotangents, *, plan):
    dys, dfinal = cotangents
    if valid is not None:
        dys = jnp.where(valid[..., None], dys, 0)
    layout, dstate, valid = _enter(layout_type, plan, params, xs, dfinal, valid)
    kept = jax.tree.map(layout.restore, kept)
    retreat = _retreat(plan, layout, params, kept, layout.enter(_padded(plan, dys)), valid)

    def step(carry, slot):
        dstate, dzs = carry
        return retreat(dstate, slot, Writer(layout, dzs, valid, slot)), None

    _, dz_shapes = jax.eval_shape(lambda d: retreat(d, 0, Joiner(layout)), dstate)
    dzs = [_stack(layout, s, xs) for s in dz_shapes]
    slots = _slots(plan, xs)
    (dstate, dzs), _ = lax.scan(step, (dstate, dzs), slots, reverse=not plan.reverse)
    dparams, dxs = plan.step.gradient(layout, kept.saved, kept.states, dzs)
    dxs = layout.leave(_cut(layout, dxs, plan.reverse)).astype(xs.dtype)
    return dparams, dxs, jax.tree.map(layout.leave_state, dstate)


def _enter(layout_type, plan, params, xs, state, valid):
    """Binds the weights and the inputs to a layout, and brings states and validity into it."""
    inputs = layout_type.enter(_padded(plan, xs))
    layout = layout_type(plan.step.weights(params), inputs, xs.dtype)
    valid = None if valid is None else _padded(plan, valid).T
    return layout, jax.tree.map(layout.enter_state, state), valid


def _leave(layout, ys, state, valid, plan):
    """Brings the outputs and the last state back to the batch first, and zeroes the padding."""
    if valid is not None:
        ys = jnp.where(layout.rows(valid[_steps(plan)], ys), ys, 0)
    return layout.leave(ys), jax.tree.map(layout.leave_state, state)


def _advance(plan, layout, params, valid):
    """(state, slot) -> (the state after that step, what the pass backward wants of it)."""
    inputs = layout.inputs

    def advance(state, slot):
        after, saved = plan.step.forward(layout, params, _at(layout, inputs, slot), state)
        return _where_valid(layout, valid, slot, after, state), saved

    return advance


def _retreat(plan, layout, params, kept, dys, valid):
    """(gradient of the state after a step, slot, emit) -> (of that before it, of the gates)."""

    def retreat(dstate, slot, emit):
        before = jax.tree.map(lambda s: _at(layout, s, slot), kept.states)
        after = jax.tree.map(lambda s: _at(layout, s, slot + _ahead(plan)), kept.states)
        exact = dstate.h.dtype
        saved = jax.tree.map(lambda s: _at(layout, s, slot).astype(exact), kept.saved)
        dstate = dstate._replace(h=dstate.h + _at(layout, dys, slot).astype(exact))
        dbefore = plan.step.backward(layout, params, saved, before, after, dstate, emit)
        # A step that is padding hands its gradient on as it is.
        return _where_valid(layout, valid, slot, dbefore, dstate), emit.emitted

    return retreat


class Joiner:
    """An `emit` that shows what a cell emits, and keeps it."""

    def __init__(self, layout):
        self.layout, self.emitted = layout, []

    def __call__(self, parts):
        """Returns the gates joined."""
        self.emitted.append(self.layout.join(parts))
        return self.emitted[-1]


class Writer:
    """An `emit` that writes into stacks at a slot: zeros where the step is padding."""

    def __init__(self, layout, stacks, valid, slot):
        self.layout, self.valid, self.slot = layout, valid, slot
        self.stacks, self.emitted = list(stacks), []

    def __call__(self, parts):
        """Returns the gates joined."""
        nothing = tuple(jnp.zeros_like(part) for part in parts)
        parts = _where_valid(self.layout, self.valid, self.slot, tuple(parts), nothing)
        stack, joined = self.layout.write(self.stacks[len(self.emitted)], parts, self.slot)
        self.emitted.append(stack)
        return joined


def _where_valid(layout, valid, slot, new, old):
    if valid is None:
        return new
    here = _at(layout, valid, slot)
    return jax.tree.map(lambda n, o: jnp.where(layout.rows(here, n), n, o), new, old)


def _slots(plan: Plan, xs: Array) -> Array:
    """The slots of the steps, in the order of time."""
    return jnp.arange(xs.shape[1]) + int(plan.reverse)


def _ahead(plan: Plan) -> int:
    """From the slot of the state before a step to that of the state after it."""
    return -1 if plan.reverse else 1


def _steps(plan: Plan) -> slice:
    """Which of the T + 1 slots are steps."""
    return slice(1, None) if plan.reverse else slice(-1)


def _padded(plan: Plan, rows: Array) -> Array:
    """[B, T, ...] -> [B, T + 1, ...], the slot that is no step's filled with zeros."""
    widths = [(0, 0)] * rows.ndim
    widths[1] = (int(plan.reverse), int(not plan.reverse))
    return jnp.pad(rows, widths)


def _stack(layout: Layout, like, xs: Array, dtype: jnp.dtype | None = None) -> Array:
    """T + 1 slots of zeros for arrays like this one, in the dtype of xs if none is given."""
    axis = layout.time_axis % (len(like.shape) + 1)
    shape = (*like.shape[:axis], xs.shape[1] + 1, *like.shape[axis:])
    return varying_as(xs, jnp.zeros(shape, dtype or xs.dtype))


def _at(layout: Layout, stack: Array, slot: Array) -> Array:
    axis = layout.time_axis % stack.ndim
    return lax.dynamic_index_in_dim(stack, slot, axis, keepdims=False)


def _put(layout: Layout, stack: Array, value: Array, slot: Array) -> Array:
    axis = layout.time_axis % stack.ndim
    return lax.dynamic_update_index_in_dim(stack, value.astype(stack.dtype), slot, axis)


def _put_all(layout: Layout, stacks, values, slot):
    return jax.tree.map(lambda s, v: _put(layout, s, v, slot), stacks, values)


def _cut(layout: Layout, stack: Array, start: int) -> Array:
    """The T slots from the first or the second on."""
    axis = layout.time_axis % stack.ndim
    return lax.slice_in_dim(stack, int(start), int(start) + stack.shape[axis] - 1, axis=axis)
