"""An MDLSTM for CPUs: pictures laid end to end in strips, which are read along anti-diagonals.

A wavefront over one picture has a lane for each of its L rows and takes X + L - 1 steps, half of
which a lane is idle. An accelerator does not mind; a CPU computes idle lanes like others. Where P
pictures lie end to end, their wavefronts follow one another, and P X + L - 1 steps do the work of
P (X + L - 1). A picture's first column hears nothing from its left: there what comes from the lane
itself is masked.

Stacks lie as `strip_layout` tells. In the slot that is no step's and in the lane that is no
picture's the gradients are zero, so that a weight's gradient is one product of whole stacks. What a
pixel reads of its neighbours, [h above, h left], is one row of one stack: h is written where its
readers are, to its own lane and to the next.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.multidim import cell
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.multidim.step import Lane
from nnarch.kernels.multidim.strip_layout import Layout, layout_of
from nnarch.kernels.recurrent.products import OnCPU
from nnarch.kernels.recurrent.scan import recall
from nnarch.kernels.recurrent.step import bias, separate, side_by_side
from nnarch.kernels.stacks import at
from nnarch.kernels.varying import varying_alike

MANY_ROWS = 128  # of a step, with which directions share a loop
MOST_BLOCKS = 8  # of steps, in the product that is the weights' gradient


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    layout: Layout
    lane: Lane
    stable: bool

    def in_order(self, before, own):
        """What the lane before and the lane itself have, as (above, left); and back."""
        return (before, own) if self.lane == "row" else (own, before)


def strips(params: MDLSTMParams, xs: Array, inside: Array, lane: Lane, *, stable: bool) -> Array:
    """Reads pictures in several directions, each with its own weights and pictures.

    Args:
      params: each with a leading axis K of directions.
      xs: [K, B, L, X, D]; what is not inside, anything.
      inside: bool [B, L, X].

    Returns:
      ys [K, B, L, X, H]; what is not inside, anything.
    """
    params, xs, inside = varying_alike((params, xs, inside))
    plan = Plan(layout_of(*inside.shape), lane, stable)
    clean = jnp.where(inside[..., None], xs, 0)  # padding may hold NaN, and NaN * 0 is NaN
    by_direction = [jax.tree.map(lambda p, k=k: p[k], params) for k in range(len(xs))]
    return jnp.stack(_read(plan, by_direction, [*clean], inside))


class Products(OnCPU):
    """Those of a step that reads its input and its neighbours' h as one row."""

    def __init__(self, params: MDLSTMParams, xs: Array, plan: Plan):
        neighbours = jnp.concatenate(plan.in_order(params.w_row, params.w_col))
        every = jnp.concatenate([params.w_x, neighbours])
        super().__init__(separate(every, neighbours, params.b, gates=5), xs, xs.dtype)

    def outer(self, around: Array, dzs: Array) -> Array:
        """The gradient of every weight: [M, R, D + 2H], [M, R, 5, H] -> [D + 2H, 5, H].

        In a few blocks of steps: one product of so many rows is half as fast on two cores.
        """
        blocks = next((n for n in range(2, MOST_BLOCKS + 1) if len(dzs) % n == 0), 1)
        width = around.shape[-1]
        vs = self._round(around).reshape(blocks, -1, width)
        flat = self._round(dzs).reshape(blocks, vs.shape[1], -1)
        products = jnp.einsum("bkf,bkg->bfg", vs, flat, preferred_element_type=self.accumulator)
        return jnp.sum(products, axis=0).reshape(width, *dzs.shape[2:])

    def pull_input(self, dzs: Array) -> Array:
        """The gradient of the input, all steps at once: [M, R, 5, H] -> [M, R, D]."""
        inputs = self.xs.shape[-1]
        return self._product(self._round(dzs), self.x[:inputs], ((2, 3), (1, 2)))


class Stacks(NamedTuple):
    """What the pass backward reads of the pass forward, [M, rows and the dead lane's, ...]."""

    around: Array  # [.., D + 2H]: what a step reads, x and h of the lane before and of its own
    c: Array  # [.., H], one lane further: what the lane before has stands at a row's own place
    gates: Array  # [.., 5, H]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _read(plan, params, xs, inside):
    """Lists, a direction each."""
    return _forward(plan, params, xs, inside)[0]


def _read_forward(plan, params, xs, inside):
    ys, stacks = _forward(plan, params, xs, inside)
    return ys, (params, xs, inside, stacks)


def _forward(plan, params, xs, inside):
    follows = _follows(plan, inside)
    runs = [_forward_steps(plan, p, x, follows) for p, x in zip(params, xs, strict=True)]
    final = _run(plan, runs)
    ys = [_outputs(plan, stacks, x) for (_, stacks), x in zip(final, xs, strict=True)]
    return ys, [stacks for _, stacks in final]


def _run(plan, runs, *, reverse=False):
    """Runs (step, carry) of all directions -> their last carries.

    A step of each in turn, where a step has many rows: XLA then computes what does not wait for
    one another side by side. Loops of a program it runs one after another.
    """
    if plan.layout.rows < MANY_ROWS:
        return [_scan(plan, step, carry, reverse) for step, carry in runs]
    steps, carries = zip(*runs, strict=True)

    def step_of_each(carries, slot):
        return tuple(step(carry, slot) for step, carry in zip(steps, carries, strict=True))

    return _scan(plan, step_of_each, carries, reverse)


def _scan(plan, step, carry, reverse):
    return lax.scan(
        lambda c, slot: (step(c, slot), None), carry, plan.layout.steps, reverse=reverse
    )[0]


def _forward_steps(plan, params, xs, follows):
    products = Products(params, xs, plan)
    rows, strips = plan.layout.rows, plan.layout.strips
    inputs, hidden = xs.shape[-1], params.w_row.shape[0]

    def step(carry, slot):
        c, stacks = carry
        gates = cell.gates(products.input(at(stacks.around, slot)[:rows]))
        own = jnp.where(at(follows, slot), c[strips:], 0)
        h, new = cell.pixel(gates, *plan.in_order(c[:rows], own), stable=plan.stable)
        heard = jnp.where(at(follows, slot + 1), h, 0)
        around = _put(stacks.around, heard, slot + 1, 0, inputs + hidden)
        stacks = Stacks(
            _put(around, h, slot + 1, strips, inputs),
            _put(stacks.c, new, slot + 1, strips, 0),
            _put(stacks.gates, gates, slot, 0, 0, 0),
        )
        return c.at[strips:].set(new), stacks

    zeros = partial(plan.layout.zeros, xs)
    around = zeros(inputs + 2 * hidden)
    around = around.at[..., :inputs].set(plan.layout.to_strips(xs).astype(around.dtype))
    return step, (zeros(hidden)[0], Stacks(around, zeros(hidden), zeros(5, hidden)))


def _outputs(plan, stacks, xs):
    inputs, hidden = xs.shape[-1], stacks.c.shape[-1]
    ys = stacks.around[1:, plan.layout.strips :, inputs : inputs + hidden]
    return plan.layout.from_strips(ys).astype(xs.dtype)


def _read_backward(plan, kept, dys):
    params, xs, inside, stacks = kept
    follows = _follows(plan, inside)
    products = [Products(p, x, plan) for p, x in zip(params, xs, strict=True)]
    runs = [
        _backward_steps(plan, *each, follows) for each in zip(products, stacks, dys, strict=True)
    ]
    dzs = [carry[-2] for carry in _run(plan, runs, reverse=True)]
    around = [s.around for s in stacks]
    found = [
        _gradients(plan, *each) for each in zip(products, around, dzs, params, xs, strict=True)
    ]
    dparams, dxs = map(list, zip(*found, strict=True))
    return dparams, dxs, None


def _backward_steps(plan, products, stacks, dys, follows):
    rows, strips, hidden = plan.layout.rows, plan.layout.strips, stacks.c.shape[-1]
    zeros = partial(plan.layout.zeros, dys)
    dys = plan.layout.to_strips(dys)

    def step(carry, slot):
        d_around, d_before, d_own, dzs, aside = carry
        (gates,), aside = recall([dzs], aside, slot)
        dh = at(dys, slot)[:rows] + d_around[strips:, :hidden]
        dh += jnp.where(at(follows, slot + 1), d_around[:rows, hidden:], 0)
        here, after = at(stacks.c, slot), at(stacks.c, slot + 1)
        follows_here = at(follows, slot)
        above_left = plan.in_order(here[:rows], jnp.where(follows_here, here[strips:], 0))
        dz, *d_above_left = cell.pixel_gradient(
            gates[:rows],
            *above_left,
            after[strips:],
            dh,
            d_before[strips:] + d_own,
            stable=plan.stable,
        )
        dzs, dz = products.write(dzs, dz, slot)
        before, own = plan.in_order(*d_above_left)
        own = jnp.where(follows_here, own, 0)
        return products.pull(dz), d_before.at[:rows].set(before), own, dzs, aside

    aside = [zeros(5, hidden)[:2]]
    before = zeros(hidden)[0]
    return step, (zeros(2 * hidden)[0], before, before[:rows], stacks.gates, aside)


def _gradients(plan, products, around, dzs, params, xs):
    """Those of the parameters and of the inputs, all steps at once."""
    inputs = xs.shape[-1]
    w, b = products.outer(around, dzs), bias(dzs)
    w_x, w_h, b = side_by_side(w[:inputs], w[inputs:], b)
    dparams = MDLSTMParams(w_x, *plan.in_order(*jnp.split(w_h, 2)), b)
    dxs = plan.layout.from_strips(products.pull_input(dzs)[:-1, : plan.layout.rows])
    return jax.tree.map(lambda g, p: g.astype(p.dtype), dparams, params), dxs.astype(xs.dtype)


_read.defvjp(_read_forward, _read_backward)


def _follows(plan, inside):
    """Where a pixel has one before it in its lane: bool [M, L S, 1]."""
    first = jnp.arange(plan.layout.columns) == 0
    return plan.layout.to_strips((inside & ~first)[..., None])[:, : plan.layout.rows]


def _put(stack: Array, value: Array, slot: Array, *start: int) -> Array:
    """Writes a value into a slot of a stack, from these rows and features on."""
    start = (slot, *np.array(start, slot.dtype))
    return lax.dynamic_update_slice(stack, value[None].astype(stack.dtype), start)
