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
from nnarch.kernels.varying import varying_alike


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    step: Step
    reverse: bool


class Residuals(NamedTuple):
    """What the pass backward reads of the pass forward; stacks in the platform's layout."""

    states: tuple  # the step's State of stacks over T + 1 steps, the initial state among them
    saved: tuple  # stacks over T steps


def scan(plan: Plan, params: tuple, xs: Array, initial: tuple, valid: Array | None):
    """xs [B, T, D], initial states [B, H], valid bool [B, T] or None -> (ys [B, T, H], final)."""
    params, xs, initial = varying_alike((params, xs, initial))
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


def _forward(layout_type, params, xs, initial, valid, *, plan):
    layout, state, valid = _enter(layout_type, plan, params, xs, initial, valid)
    advance = _advance(plan, layout, params, valid)

    def step(carry, t):
        state, ys = carry
        state, _ = advance(state, t)
        return (state, _put(layout, ys, state.h, t)), None

    length = xs.shape[1]
    ys = _stack(layout, state.h, length, xs.dtype)
    (state, ys), _ = lax.scan(step, (state, ys), jnp.arange(length), reverse=plan.reverse)
    return _leave(layout, ys, state, valid)


def _forward_and_keep(layout_type, params, xs, initial, valid, *, plan):
    layout, state, valid = _enter(layout_type, plan, params, xs, initial, valid)
    advance = _advance(plan, layout, params, valid)
    before, after = _slots(plan)

    def step(carry, t):
        state, stacks = carry
        state, saved = advance(state, t)
        states = _put_all(layout, stacks.states, state, t + after)
        return (state, Residuals(states, _put_all(layout, stacks.saved, saved, t))), None

    length = xs.shape[1]
    _, saved_shapes = jax.eval_shape(advance, state, 0)
    states = jax.tree.map(lambda s: _stack(layout, s, length + 1, s.dtype), state)
    states = _put_all(layout, states, state, before * length)
    saved = jax.tree.map(lambda s: _stack(layout, s, length, xs.dtype), saved_shapes)
    carry = (state, varying_alike((xs, Residuals(states, saved)))[1])
    (state, kept), _ = lax.scan(step, carry, jnp.arange(length), reverse=plan.reverse)
    ys = _cut(layout, kept.states.h, after, length).astype(xs.dtype)
    return _leave(layout, ys, state, valid), jax.tree.map(layout.export, kept)


def _backward(layout_type, params, xs, valid, kept, cotangents, *, plan):
    dys, dfinal = cotangents
    layout, dstate, valid = _enter(layout_type, plan, params, xs, dfinal, valid)
    kept = jax.tree.map(layout.restore, kept)
    dys = layout.enter(dys)
    if valid is not None:
        dys = jnp.where(layout.rows(valid, dys), dys, 0)
    retreat = _retreat(plan, layout, params, kept, dys, valid)

    def step(carry, t):
        dstate, dzs = carry
        return retreat(dstate, t, Writer(layout, dzs, valid, t)), None

    length = xs.shape[1]
    _, dz_shapes = jax.eval_shape(lambda d: retreat(d, 0, Joiner(layout)), dstate)
    dzs = [_stack(layout, s, length, xs.dtype) for s in dz_shapes]
    carry = (dstate, varying_alike((xs, dzs))[1])
    (dstate, dzs), _ = lax.scan(step, carry, jnp.arange(length), reverse=not plan.reverse)
    before, _ = _slots(plan)
    states = jax.tree.map(lambda s: _cut(layout, s, before, length), kept.states)
    dparams, dxs = plan.step.gradient(layout, kept.saved, states, dzs)
    return dparams, layout.leave(dxs).astype(xs.dtype), jax.tree.map(layout.leave_state, dstate)


def _enter(layout_type, plan, params, xs, state, valid):
    """Binds the weights and the inputs to a layout, and brings states and validity into it."""
    layout = layout_type(plan.step.weights(params), layout_type.enter(xs), xs.dtype)
    valid = None if valid is None else valid.T
    return layout, jax.tree.map(layout.enter_state, state), valid


def _leave(layout, ys, state, valid):
    """Brings the outputs and the last state back to the batch first, and zeroes the padding."""
    if valid is not None:
        ys = jnp.where(layout.rows(valid, ys), ys, 0)
    return layout.leave(ys), jax.tree.map(layout.leave_state, state)


def _advance(plan, layout, params, valid):
    """(state, t) -> (the state after step t, what the pass backward wants of it)."""
    inputs = layout.inputs

    def advance(state, t):
        after, saved = plan.step.forward(layout, params, _at(layout, inputs, t), state)
        return _where_valid(layout, valid, t, after, state), saved

    return advance


def _retreat(plan, layout, params, kept, dys, valid):
    """(gradient of the state after step t, t, emit) -> (of the state before it, of the gates)."""
    before, after = _slots(plan)

    def retreat(dstate, t, emit):
        states = [
            jax.tree.map(lambda s, slot=slot: _at(layout, s, t + slot), kept.states)
            for slot in (before, after)
        ]
        saved = jax.tree.map(lambda s: _at(layout, s, t), kept.saved)
        dstate = dstate._replace(h=dstate.h + _at(layout, dys, t))
        dbefore = plan.step.backward(layout, params, saved, *states, dstate, emit)
        # A step that is padding hands its gradient on as it is.
        return _where_valid(layout, valid, t, dbefore, dstate), emit.emitted

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
    """An `emit` that writes into stacks at step t: zeros where the step is padding."""

    def __init__(self, layout, stacks, valid, t):
        self.layout, self.valid, self.t = layout, valid, t
        self.stacks, self.emitted = list(stacks), []

    def __call__(self, parts):
        """Returns the gates joined."""
        nothing = tuple(jnp.zeros_like(part) for part in parts)
        parts = _where_valid(self.layout, self.valid, self.t, tuple(parts), nothing)
        stack, joined = self.layout.write(self.stacks[len(self.emitted)], parts, self.t)
        self.emitted.append(stack)
        return joined


def _where_valid(layout, valid, t, new, old):
    if valid is None:
        return new
    here = _at(layout, valid, t)
    return jax.tree.map(lambda n, o: jnp.where(layout.rows(here, n), n, o), new, old)


def _slots(plan: Plan) -> tuple[int, int]:
    """Where a stack of T + 1 states holds those before and after step t: t plus these."""
    return (1, 0) if plan.reverse else (0, 1)


def _stack(layout: Layout, like, length: int, dtype) -> Array:
    """Room for `length` arrays like this one."""
    axis = layout.time_axis % (len(like.shape) + 1)
    return jnp.empty((*like.shape[:axis], length, *like.shape[axis:]), dtype)


def _at(layout: Layout, stack: Array, t: Array) -> Array:
    axis = layout.time_axis % stack.ndim
    return lax.dynamic_index_in_dim(stack, t, axis, keepdims=False)


def _put(layout: Layout, stack: Array, value: Array, t: Array) -> Array:
    axis = layout.time_axis % stack.ndim
    return lax.dynamic_update_index_in_dim(stack, value.astype(stack.dtype), t, axis)


def _put_all(layout: Layout, stacks, values, t):
    return jax.tree.map(lambda s, v: _put(layout, s, v, t), stacks, values)


def _cut(layout: Layout, stack: Array, start: int, length: int) -> Array:
    return lax.slice_in_dim(stack, start, start + length, axis=layout.time_axis % stack.ndim)
