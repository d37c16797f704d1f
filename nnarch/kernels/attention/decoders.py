"""Decoders that attend at every step, as loops whose weights get their gradients after them.

`luong` asks with the state after a step, and feeds what it found into the next one; `bahdanau` asks
with the state before a step, and feeds what it finds into this one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.attention import cells, scores
from nnarch.kernels.attention.cells import Cell, cell_of
from nnarch.kernels.attention.memory import Memory
from nnarch.kernels.attention.parameters import ScoreParams
from nnarch.kernels.cells import GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.deferred import Multiply, deferred_scan, plain_scan
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.rounded import rounded_einsum
from nnarch.kernels.varying import varying_alike


class LuongParams(NamedTuple):
    """Source: Luong, Pham and Manning 2015, arXiv 1508.04025, sections 3.1 and 3.3."""

    cell: LSTMParams | GRUParams  # of inputs D + O, with w_x [D + O, ..]
    score: ScoreParams  # of queries H and keys K
    w_out: Array  # [V + H, O], of [context, h]
    b_out: Array  # [O]


class BahdanauParams(NamedTuple):
    """Source: Bahdanau, Cho and Bengio 2014, arXiv 1409.0473, appendix A.2."""

    cell: LSTMParams | GRUParams  # of inputs D + V, with w_x [D + V, ..]
    score: ScoreParams  # of queries H and keys K


class LuongState(NamedTuple):
    """What one step hands to the next."""

    cell: LSTMState | GRUState
    fed: Array  # [B, O], tanh([context, h] w_out + b_out)


class _Step(NamedTuple):
    """A step of either decoder. Hashable: it is static."""

    cell: Cell

    def luong(self, multiply: Multiply, read: dict[str, Any], carry: LuongState, here):
        state = self.cell.step(multiply, read, carry.fed, carry.cell)
        context, shares = scores.attend(multiply, read, read["valid"], state.h)
        fed = jnp.tanh(multiply("w_out", context, state.h, plus=read["b_out"]))
        return _where(here, LuongState(state, fed), carry), (fed, context, shares)

    def luong_of_outputs(self, multiply: Multiply, read: dict[str, Any], carry, here):
        """As `luong`, of values that have met w_out: what is found is a part of the output."""
        state = self.cell.step(multiply, read, carry.fed, carry.cell)
        part, shares = scores.attend(multiply, read, read["valid"], state.h)
        fed = jnp.tanh(multiply("w_out", state.h, plus=part + read["b_out"]))
        return _where(here, LuongState(state, fed), carry), (fed, shares)

    def bahdanau(self, multiply: Multiply, read: dict[str, Any], carry: tuple, here):
        context, shares = scores.attend(multiply, read, read["valid"], carry.h)
        state = self.cell.step(multiply, read, context, carry)
        return _where(here, state, carry), (state.h, context, shares)


def _where(here: Array | None, new, old):
    """The state goes on where a step is valid."""
    if here is None:
        return new
    return jax.tree.map(lambda n, o: jnp.where(here[:, None] > 0, n, o), new, old)


def nothing(run, params, batch: int, dtype: jnp.dtype, reset: str):
    """The state of zeros that `run`, luong or bahdanau, begins with."""
    hidden = params.cell.w_h.shape[0]
    state_type = cell_of(params.cell, reset).state
    state = state_type(*(jnp.zeros((batch, hidden), dtype) for _ in state_type._fields))
    if run is luong:
        return LuongState(state, jnp.zeros((batch, len(params.b_out)), dtype))
    return state


class Decoded(NamedTuple):
    """What is said at each step, what was found there, and where."""

    ys: Array  # [B, T, O] (luong) or [B, T, H] (bahdanau); zero past a row's length
    contexts: Array  # [B, T, V], the shares' mean of the values
    shares: Array  # [B, T, S], float32


def luong(
    params: LuongParams,
    xs: Array,
    memory: Memory,
    initial: LuongState,
    valid: Array | None,
    *,
    reset: str,
    deferred: bool,
) -> tuple[Decoded, LuongState]:
    """xs [B, T, D] -> what is said, and the last state."""
    step = _Step(cell_of(params.cell, reset))
    constants = {"b_out": cells.rows(params.b_out, xs)}
    decode = partial(_decode, reset=reset, deferred=deferred)
    if not deferred or xs.shape[1] == 1:  # one word alone: places are more than words
        weights = {"w_out": params.w_out}
        final, (ys, contexts, shares) = decode(
            step.luong, params, xs, memory, initial, valid, weights, constants
        )
        return _leave(xs, valid, ys, contexts, shares), final
    outputs, w_out = _met(params.w_out, memory, xs.dtype)
    final, (ys, shares) = decode(
        step.luong_of_outputs, params, xs, outputs, initial, valid, {"w_out": w_out}, constants
    )
    contexts = _contexts(shares, memory.values, xs.dtype)
    return _leave(xs, valid, ys, contexts, shares), final


def _met(w_out: Array, memory: Memory, dtype: jnp.dtype) -> tuple[Memory, Array]:
    """The memory with value w_out[:V] in place of each value, and what of w_out is left for h.

    [context, h] w_out = sum over s of shares_s (value_s w_out[:V]) + h w_out[V:]: one product for
    all places before the loop, in place of one a step; and there is less to read at each step where
    what is said is narrower than what is attended to.
    """
    width = memory.values.shape[-1]
    met = rounded_einsum("bsv,vo->bso", memory.values, w_out[:width], dtype)
    return memory._replace(values=met.astype(dtype)), w_out[width:]


def _contexts(shares: Array, values: Array, dtype: jnp.dtype) -> Array:
    """The shares' means of the values: [T, B, V]. Computed only if something reads it."""
    return rounded_einsum("tbs,bsv->tbv", shares, values, dtype)


def bahdanau(
    params: BahdanauParams,
    xs: Array,
    memory: Memory,
    initial: LSTMState | GRUState,
    valid: Array | None,
    *,
    reset: str,
    deferred: bool,
) -> tuple[Decoded, LSTMState | GRUState]:
    """xs [B, T, D] -> what is said, and the last state."""
    step = _Step(cell_of(params.cell, reset)).bahdanau
    final, (ys, contexts, shares) = _decode(
        step, params, xs, memory, initial, valid, {}, {}, reset=reset, deferred=deferred
    )
    return _leave(xs, valid, ys, contexts, shares), final


def _decode(step, params, xs, memory, initial, valid, weights, constants, *, reset, deferred):
    cell, inputs = cell_of(params.cell, reset), xs.shape[2]
    weights = weights | cell.weights(params.cell, params.cell.w_x[inputs:])
    weights |= scores.weights(params.score, memory)
    constants = constants | cell.constants(params.cell, xs)
    constants |= scores.constants(params.score, memory)
    constants["valid"] = memory.valid.astype(accumulator(xs.dtype))
    run = deferred_scan if deferred else plain_scan
    products = {name: PRODUCTS[name] for name in weights}
    return run(
        step,
        weights,
        constants,
        initial,
        _time_first_floats(valid),
        products=products,
        operand=xs.dtype,
        added={cell.entrance: _projected(params.cell, xs, _project if deferred else _product)},
    )


PRODUCTS = scores.PRODUCTS | cells.PRODUCTS | {"w_out": cells.DENSE}


def _projected(cell: LSTMParams | GRUParams, xs: Array, project: Callable) -> Array:
    """x w_x + b of every step: [T, B, ..]."""
    exact = accumulator(xs.dtype)
    # Turned around first: otherwise a CPU multiplies the other way and turns the larger product.
    xs = jnp.swapaxes(xs, 0, 1)
    projected = project(*varying_alike((xs, cell.w_x[: xs.shape[2]].astype(xs.dtype))))
    return projected + cell.b.astype(exact)


def _product(xs: Array, w: Array) -> Array:
    """[T, B, D] times [D, N] -> [T, B, N]."""
    return rounded_einsum("Tbd,dn->Tbn", xs, w, xs.dtype)


def _project_forward(xs, w):
    return _product(xs, w), (xs, w)


def _project_backward(kept, dprojected):
    """Stacks are matrices of T B rows as they lie, where JAX's own pass turns the larger around."""
    xs, w = kept
    dxs = rounded_einsum("Tbn,dn->Tbd", dprojected, w, xs.dtype)
    dw = rounded_einsum("Tbd,Tbn->dn", xs, dprojected, xs.dtype)
    return dxs.astype(xs.dtype), dw.astype(w.dtype)


_project = jax.custom_vjp(_product)
_project.defvjp(_project_forward, _project_backward)


def _time_first_floats(valid: Array | None) -> Array | None:
    """Floats, since what a loop is differentiated by must have a gradient."""
    return None if valid is None else valid.T.astype(jnp.float32)


def _leave(xs: Array, valid: Array | None, ys, contexts, shares) -> Decoded:
    """Brings the batch first, and zeroes the padding."""
    stacks = [jnp.swapaxes(stack, 0, 1) for stack in (ys, contexts, shares)]
    if valid is not None:
        stacks = [jnp.where(valid[..., None], stack, 0) for stack in stacks]
    return Decoded(stacks[0].astype(xs.dtype), stacks[1].astype(xs.dtype), stacks[2])
