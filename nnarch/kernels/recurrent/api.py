"""Elman nets, LSTM and GRU over time: the public functions.

Each is checked here and served by one of the implementations in this folder: "scan", the fast one
for every platform; "cudnn", LSTM alone and on CUDA; "reference", a plain scan on which `jax.jvp`
works. They agree to rounding, gradients included.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from nnarch.kernels.cells import ElmanParams, ElmanState, GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.choose import choose
from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.recurrent import cudnn
from nnarch.kernels.recurrent.cell import ELMAN, GRU, LSTM, Cell
from nnarch.kernels.recurrent.check import check_initial, check_inputs, check_params, check_reset
from nnarch.kernels.recurrent.reference import reference
from nnarch.kernels.recurrent.scan import Plan, scan

REFUSALS = {"cudnn": cudnn.refusal, "scan": lambda call: None, "reference": lambda call: None}


def elman(
    params: ElmanParams,
    xs: Array,
    initial: ElmanState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    implementation: str | None = None,
) -> tuple[Array, ElmanState]:
    """Runs an Elman net over each row: h' = tanh(x w_x + h w_h + b).

    Args:
      params: w_x [D, H], w_h [H, H], b [H]; any float.
      xs: [B, T, D], right-padded; any float. Products round to its dtype.
      initial: the state before the first step, [B, H]; zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. NumPy arrays and lists are
        checked; arrays on a device are clipped to 0..T.
      reverse: runs each row from its last valid step to its first; ys stays aligned with xs.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs, zero past a row's length, and the state after each row's last
      valid step (its first, if reverse) in float32 (float64 if xs is); the initial one where the
      length is 0.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Elman 1990, "Finding structure in time".
    """
    return _recur(ELMAN, params, xs, initial, lengths, reverse, implementation)


def lstm(
    params: LSTMParams,
    xs: Array,
    initial: LSTMState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    implementation: str | None = None,
) -> tuple[Array, LSTMState]:
    """Runs an LSTM over each row: c' = f c + i g, h' = o tanh(c'), gates i, f, g, o.

    Args:
      params: w_x [D, 4H], w_h [H, 4H], b [4H]; any float.
      xs: [B, T, D], right-padded; any float. Products round to its dtype.
      initial: the states h and c before the first step, [B, H] each; zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. NumPy arrays and lists are
        checked; arrays on a device are clipped to 0..T.
      reverse: runs each row from its last valid step to its first; ys stays aligned with xs.
      implementation: "scan", "cudnn", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs, zero past a row's length, and the states after each row's
      last valid step (its first, if reverse) in float32 (float64 if xs is); the initial ones where
      the length is 0.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Hochreiter and Schmidhuber 1997; the forget gate: Gers, Schmidhuber and Cummins 2000.
    """
    return _recur(LSTM, params, xs, initial, lengths, reverse, implementation)


def gru(
    params: GRUParams,
    xs: Array,
    initial: GRUState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    reset: str = "after",
    implementation: str | None = None,
) -> tuple[Array, GRUState]:
    """Runs a GRU over each row: h' = (1 - z) n + z h, gates r, z, n.

    Args:
      params: w_x [D, 3H], w_h [H, 3H], b [3H], b_n [H]; any float.
      xs: [B, T, D], right-padded; any float. Products round to its dtype.
      initial: the state before the first step, [B, H]; zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. NumPy arrays and lists are
        checked; arrays on a device are clipped to 0..T.
      reverse: runs each row from its last valid step to its first; ys stays aligned with xs.
      reset: "after" the recurrent product, n = tanh(x w_n + b_n' + r (h u_n + b_n)), as cuDNN and
        PyTorch have it; or "before" it, n = tanh(x w_n + b_n' + (r h) u_n + b_n), as published.
        b_n' is the third part of b.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs, zero past a row's length, and the state after each row's last
      valid step (its first, if reverse) in float32 (float64 if xs is); the initial one where the
      length is 0.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Cho et al. 2014, arXiv 1406.1078.
    """
    check_reset(reset)
    return _recur(GRU[reset], params, xs, initial, lengths, reverse, implementation)


def _recur(cell: Cell, params, xs, initial, lengths, reverse, implementation):
    check_inputs(cell, xs)
    batch, steps, inputs = xs.shape
    check_params(cell, params, inputs)
    params = cell.params(*params)
    lengths = check_lengths("lengths", lengths, batch, steps)
    initial = check_initial(cell, initial, xs, params.w_h.shape[0])
    traced = any(isinstance(a, Tracer) for a in jax.tree.leaves((params, xs, initial)))
    call = cudnn.Call(cell.name, xs, lengths, named=implementation is not None, traced=traced)
    name = choose(cell.name, REFUSALS, call, implementation=implementation)
    return _run(params, xs, initial, lengths, cell=cell, reverse=bool(reverse), implementation=name)


@partial(jax.jit, static_argnames=("cell", "reverse", "implementation"))
def _run(params, xs, initial, lengths, *, cell: Cell, reverse: bool, implementation: str):
    if 0 in xs.shape[:2]:
        return jnp.zeros((*xs.shape[:2], params.w_h.shape[0]), xs.dtype), initial
    valid = None if lengths is None else valid_steps(lengths, xs.shape[1])
    if implementation == "scan":
        return scan(Plan(cell.step, reverse), params, xs, initial, valid)
    if implementation == "cudnn":
        return cudnn.lstm(params, xs, initial, lengths, reverse)
    return reference(cell.reference_step, params, xs, initial, valid, reverse)
