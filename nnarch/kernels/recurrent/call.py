"""A recurrent call: checked, then served by one of the implementations in this folder."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from nnarch.kernels.choose import choose
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.recurrent import cudnn
from nnarch.kernels.recurrent.cell import Cell
from nnarch.kernels.recurrent.check import check_initial, check_inputs, check_params
from nnarch.kernels.recurrent.check_options import check_options
from nnarch.kernels.recurrent.options import Options, in_order_of_run
from nnarch.kernels.recurrent.reference import reference
from nnarch.kernels.recurrent.scan import Plan, scan
from nnarch.kernels.recurrent.step import UNDER_ZONEOUT

REFUSALS = {"cudnn": cudnn.refusal, "scan": lambda call: None, "reference": lambda call: None}


def recur(
    cell: Cell,
    params: tuple,
    xs: Array,
    initial: tuple | None,
    lengths: Array | None,
    options: Options,
    *,
    reverse: bool,
    implementation: str | None,
) -> tuple[Array, tuple]:
    """Checks a call and runs it: what every public function of one direction does."""
    check_inputs(cell, xs)
    batch, steps, inputs = xs.shape
    check_params(cell, params, inputs)
    params = cell.params(*params)
    lengths = check_lengths("lengths", lengths, batch, steps)
    hidden = params.w_h.shape[0]
    initial = check_initial(cell, initial, xs, hidden)
    options = check_options(cell, options, xs, hidden)
    traced = any(isinstance(a, Tracer) for a in jax.tree.leaves((params, xs, initial)))
    call = cudnn.Call(
        cell.name,
        xs,
        lengths,
        named=implementation is not None,
        traced=traced,
        options=options.names(),
    )
    name = choose(cell.name, REFUSALS, call, implementation=implementation)
    return _run(
        params,
        xs,
        initial,
        lengths,
        options,
        cell=cell,
        reverse=bool(reverse),
        implementation=name,
    )


@partial(jax.jit, static_argnames=("cell", "reverse", "implementation"))
def _run(params, xs, initial, lengths, options, *, cell: Cell, reverse: bool, implementation: str):
    if 0 in xs.shape[:2]:
        return jnp.zeros((*xs.shape[:2], params.w_h.shape[0]), xs.dtype), initial
    if implementation == "cudnn":
        return cudnn.lstm(params, xs, initial, lengths, reverse)
    valid = None if lengths is None else valid_steps(lengths, xs.shape[1])
    options = in_order_of_run(options, valid, reverse=reverse)
    run = served(cell, implementation, options, reverse=reverse)
    return run(params, xs, initial, valid, options)


def served(cell: Cell, implementation: str, options: Options, *, reverse: bool):
    """(params, xs, initial, valid, options) -> (ys, final), by "scan" or by "reference"."""
    if implementation == "reference":
        return partial(reference, cell.reference_step, reverse=reverse)
    step = cell.step if options.zoneout is None else UNDER_ZONEOUT.get(cell.step, cell.step)
    plan = Plan(step, reverse)

    def run(params, xs, *rest):
        return scan(plan, cell.prepared(params, accumulator(xs.dtype)), xs, *rest)

    return run
