"""A recurrent layer that reads each row in both directions, in one scan.

Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks".
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.recurrent.api import elman, gru, lstm
from nnarch.kernels.recurrent.cell import ELMAN, GRU, LSTM, Cell
from nnarch.kernels.recurrent.check import check_initial, check_inputs, check_params, check_reset
from nnarch.kernels.recurrent.reference import reference
from nnarch.kernels.recurrent.scan import Plan, scan


def bidirectional(
    kernel: Callable,
    forward_params: tuple,
    backward_params: tuple,
    xs: Array,
    initial: tuple | None = None,
    *,
    lengths: Array | None = None,
    reset: str = "after",
    implementation: str | None = None,
) -> tuple[Array, tuple]:
    """Runs a cell over each row from both ends; both directions share one scan.

    Args:
      kernel: `elman`, `lstm` or `gru` itself.
      forward_params: of the direction from the first step to the last, as the kernel takes them.
      backward_params: of the other direction, of the same shapes.
      xs: [B, T, D], right-padded; any float.
      initial: a pair of states, (forward, backward); zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. The backward direction begins at
        each row's own last valid step.
      reset: for `gru` alone: "after" or "before" the recurrent product.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, 2H] in the dtype of xs, the forward direction's half first, zero past a row's
      length, and the pair of states that each direction ended with.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the kernel is not one of the three.
    """
    cell = cell_of(kernel, reset)
    check_inputs(cell, xs)
    batch, steps, inputs = xs.shape
    pair = [cell.params(*p) for p in _checked(cell, (forward_params, backward_params), inputs)]
    hidden = pair[0].w_h.shape[0]
    states = [check_initial(cell, s, xs, hidden) for s in _pair(initial)]
    lengths = check_lengths("lengths", lengths, batch, steps)
    if implementation not in (None, "scan", "reference"):
        raise ValueError(
            f"bidirectional has no implementation {implementation!r}; there are 'scan' and "
            "'reference'. Leave implementation out and the fastest is taken."
        )
    return _run(pair, xs, states, lengths, cell=cell, implementation=implementation or "scan")


def cell_of(kernel: Callable, reset: str, *, caller: str = "bidirectional") -> Cell:
    """The cell that a kernel runs.

    Raises:
      ValueError: it is not elman, lstm or gru itself, or there is no such reset.
    """
    check_reset(reset)
    if kernel is gru:
        return GRU[reset]
    if kernel is not elman and kernel is not lstm:
        raise ValueError(f"{caller} runs elman, lstm or gru itself; got {kernel!r}.")
    cell = ELMAN if kernel is elman else LSTM
    if reset != "after":
        raise ValueError(f"reset={reset!r} is for gru alone; leave it out with {cell.name}.")
    return cell


def _pair(initial: tuple | None) -> tuple:
    if initial is None:
        return None, None
    if not isinstance(initial, tuple | list) or len(initial) != 2:
        raise ValueError(
            "bidirectional expects a pair of initial states, (forward, backward); "
            f"got {type(initial).__name__}. Give one state for each direction."
        )
    return tuple(initial)


def _checked(cell: Cell, pair: tuple[tuple, tuple], inputs: int) -> tuple[tuple, tuple]:
    for params in pair:
        check_params(cell, params, inputs)
    forward, backward = ([np.shape(p) for p in params] for params in pair)
    if forward != backward:
        raise ValueError(
            f"bidirectional expects two directions of the same shapes; got {forward}, {backward}."
        )
    return pair


@partial(jax.jit, static_argnames=("cell", "implementation"))
def _run(pair, xs, states, lengths, *, cell: Cell, implementation: str):
    """The backward direction reads its rows flipped, so that one loop serves both."""
    batch, steps, _ = xs.shape
    if 0 in (batch, steps):
        return jnp.zeros((batch, steps, 2 * pair[0].w_h.shape[0]), xs.dtype), tuple(states)
    params, initial = (
        jax.tree.map(lambda a, b: jnp.stack([a, b]), *both) for both in (pair, states)
    )
    valid = None if lengths is None else _with_flipped(valid_steps(lengths, steps))
    run = partial(scan, Plan(cell.step, reverse=False))
    if implementation == "reference":
        run = partial(reference, cell.reference_step, reverse=False)
    ys, final = jax.vmap(run)(params, _with_flipped(xs), initial, valid)
    ys = jnp.concatenate([ys[0], jnp.flip(ys[1], axis=1)], axis=-1)
    return ys, tuple(jax.tree.map(lambda s, d=d: s[d], final) for d in range(2))


def _with_flipped(rows: Array) -> Array:
    return jnp.stack([rows, jnp.flip(rows, axis=1)])
