"""A Grid LSTM layer by layer as nested scans, differentiated by JAX. Shares no code with the fast
implementation: each block is the published equations.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.grid.parameters import GridParams, GridState
from nnarch.kernels.varying import varying_alike


def reference(plan, params: GridParams, initial, entering, limits):
    """As `nnarch.kernels.multidim.grid.wave.wave`, of what is not sheared.

    initial [L, (X,) B, H]; of each other dimension what enters it: columns [L, Y, B, H], depth
    [Y, (X,) B, H]. Returns what leaves the last place of each lane, and what leaves the depth.
    """
    exact = accumulator(jnp.dtype(plan.operand))
    params = jax.tree.map(lambda p: p.astype(exact), params)
    params, initial, entering, limits = varying_alike((params, initial, entering, limits))
    initial, entering = jax.tree.map(lambda a: a.astype(exact), (initial, entering))
    if not plan.lanes:
        return _depth(plan, params, initial), ()
    *columns, below = entering

    def layer(below, inputs):
        own, initial, *columns = inputs
        if plan.tied:
            own = params
        sweep = _plane if columns else _line
        final, above = sweep(plan, own, initial, *columns, below, limits)
        return above, final

    own = None if plan.tied else params
    above, final = lax.scan(layer, below, (own, initial, *columns))
    return final, above


def _depth(plan, params, state):
    """1-D: the loop is over layers."""

    def layer(state, own):
        (after,) = _block(plan.block, params if own is None else own, [state])
        return after, None

    layers = None if plan.tied else params
    return lax.scan(layer, state, layers, length=plan.steps)[0]


def _line(plan, params, initial, below, limits):
    """2-D, one layer: from the first place to the last."""

    def step(state, inputs):
        place, entering = inputs
        after, above = _block(plan.block, params, [state, entering])
        return _where(place < limits[:, 0], after, state), above

    places = jnp.arange(below.h.shape[0], dtype=jnp.int32)
    return lax.scan(step, initial, (places, below))


def _plane(plan, params, initial, columns, below, limits):
    """3-D, one layer: rows of columns."""
    numbers = jnp.arange(below.h.shape[1], dtype=jnp.int32)

    def row(states, inputs):
        place, left, below = inputs

        def pixel(left, inputs):
            column, state, entering = inputs
            after, right, above = _block(plan.block, params, [state, left, entering])
            inside = (place < limits[:, 0]) & (column < limits[:, 1])
            return right, (_where(inside, after, state), above)

        _, (states, above) = lax.scan(pixel, left, (numbers, states, below))
        return states, above

    places = jnp.arange(below.h.shape[0], dtype=jnp.int32)
    return lax.scan(row, initial, (places, columns, below))


def _where(valid: Array, new: GridState, old: GridState) -> GridState:
    return jax.tree.map(lambda n, o: jnp.where(valid[:, None], n, o), new, old)


def _block(block, params: GridParams, states: list[GridState]) -> list[GridState]:
    after = list(states)
    own_last = [place for place in range(len(states)) if place != block.priority]
    seen = jnp.concatenate([s.h for s in states], axis=-1)
    for place in own_last:
        after[place] = _dimension(block, params, place, seen, states[place].m)
    if block.priority is not None:
        p = block.priority
        seen = jnp.concatenate([s.h for s in after], axis=-1)  # its own is still the old one
        after[p] = _dimension(block, params, p, seen, states[p].m)
    return after


def _dimension(block, params: GridParams, place: int, seen: Array, m: Array | None) -> GridState:
    z = seen @ params.w[place] + params.b[place]
    kind = block.dimensions[place]
    if kind != "lstm":
        return GridState(jnp.tanh(z) if kind == "tanh" else jax.nn.relu(z), None)
    i, f, g, o = jnp.split(z, 4, axis=-1)
    i, f, o = map(jax.nn.sigmoid, (i, f, o))
    m = f * m + i * jnp.tanh(g)
    return GridState(jnp.tanh(o * m) if block.squash == "after" else o * jnp.tanh(m), m)
