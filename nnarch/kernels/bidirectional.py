"""A recurrent layer that reads each row in both directions, in one scan.

Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks".
"""

from collections.abc import Callable, Iterable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.recurrent.api import elman, gru, lstm
from nnarch.kernels.recurrent.call import served
from nnarch.kernels.recurrent.cell import ELMAN, GRU, LAYER_NORM_LSTM, LSTM, PEEPHOLE_LSTM, Cell
from nnarch.kernels.recurrent.check import check_initial, check_inputs, check_params, check_reset
from nnarch.kernels.recurrent.check_options import check_options
from nnarch.kernels.recurrent.options import Options, in_order_of_run
from nnarch.kernels.recurrent.variants import layer_norm_lstm, peephole_lstm


@rows_as("xs")
def bidirectional(
    kernel: Callable,
    forward_params: tuple,
    backward_params: tuple,
    xs: Array,
    initial: tuple | None = None,
    *,
    lengths: Array | None = None,
    reset: str = "after",
    starts: Array | None = None,
    recurrent_mask: tuple[Array, Array] | None = None,
    zoneout: tuple | None = None,
    implementation: str | None = None,
) -> tuple[Array, tuple]:
    """Runs a cell over each row from both ends; both directions share one scan.

    Args:
      kernel: `elman`, `lstm`, `gru`, `peephole_lstm` or `layer_norm_lstm` itself.
      forward_params: of the direction from the first step to the last, as the kernel takes them.
      backward_params: of the other direction, of the same shapes.
      xs: [B, T, D], right-padded; any float.
      initial: a pair of states, (forward, backward); zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. The backward direction begins at
        each row's own last valid step.
      reset: for `gru` alone: "after" or "before" the recurrent product.
      starts: bool [B, T] or [B], as of the kernel: no state passes, either way, between a step at
        which a sequence starts and the one before it.
      recurrent_mask: a pair of [B, H], forward and backward.
      zoneout: a pair of what the kernel takes, rates or masks in the same places.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, 2H] in the dtype of xs, the forward direction's half first, zero past a row's
      length, and the pair of states that each direction ended with.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the kernel is none of these.
    """
    cell = cell_of(kernel, reset, among=KERNELS)
    check_inputs(cell, xs)
    batch, steps, inputs = xs.shape
    pair = [cell.params(*p) for p in _checked(cell, (forward_params, backward_params), inputs)]
    hidden = pair[0].w_h.shape[0]
    states = [check_initial(cell, s, xs, hidden) for s in _pair("initial state", initial)]
    masks, kept = _pair("recurrent_mask", recurrent_mask), _pair("zoneout", zoneout)
    asked = (Options(starts, *each) for each in zip(masks, kept, strict=True))
    options = [check_options(cell, each, xs, hidden) for each in asked]
    if _shapes(options[0]) != _shapes(options[1]):
        raise ValueError(
            "bidirectional expects masks of both directions or of none, and zoneout as rates in "
            "both or as masks in both."
        )
    lengths = check_lengths("lengths", lengths, batch, steps)
    if implementation not in (None, "scan", "reference"):
        raise ValueError(
            f"bidirectional has no implementation {implementation!r}; there are 'scan' and "
            "'reference'. Leave implementation out and the fastest is taken."
        )
    implementation = implementation or "scan"
    return _run(pair, xs, states, lengths, options, cell=cell, implementation=implementation)


def _shapes(options: Options) -> tuple:
    leaves, structure = jax.tree.flatten(options)
    return structure, [jnp.shape(leaf) for leaf in leaves]


KERNELS = {
    elman: ELMAN,
    lstm: LSTM,
    gru: None,  # one cell a kind of reset
    peephole_lstm: PEEPHOLE_LSTM,
    layer_norm_lstm: LAYER_NORM_LSTM,
}
PLAIN = (elman, lstm, gru)


def cell_of(
    kernel: Callable,
    reset: str,
    *,
    caller: str = "bidirectional",
    among: Iterable[Callable] = PLAIN,
) -> Cell:
    """The cell that a kernel runs.

    Raises:
      ValueError: it is not itself among these, or there is no such reset.
    """
    check_reset(reset)
    if not any(kernel is known for known in among):
        *names, last = (known.__name__ for known in among)
        raise ValueError(f"{caller} runs {', '.join(names)} or {last} itself; got {kernel!r}.")
    if kernel is gru:
        return GRU[reset]
    cell = KERNELS[kernel]
    if reset != "after":
        raise ValueError(f"reset={reset!r} is for gru alone; leave it out with {cell.name}.")
    return cell


def _pair(what: str, values: tuple | None) -> tuple:
    if values is None:
        return None, None
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise ValueError(
            f"bidirectional expects a pair of {what}, (forward, backward); "
            f"got {type(values).__name__}. Give one {what.split()[-1]} for each direction."
        )
    return tuple(values)


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
def _run(pair, xs, states, lengths, options, *, cell: Cell, implementation: str):
    """The backward direction reads its rows flipped, so that one loop serves both."""
    batch, steps, _ = xs.shape
    if 0 in (batch, steps):
        return jnp.zeros((batch, steps, 2 * pair[0].w_h.shape[0]), xs.dtype), tuple(states)
    params, initial = (
        jax.tree.map(lambda a, b: jnp.stack([a, b]), *both) for both in (pair, states)
    )
    valid = None if lengths is None else valid_steps(lengths, steps)
    options = _of_both(*options, valid)
    if valid is not None:
        valid = _with_flipped(valid)
    run = served(cell, implementation, options, reverse=False)
    ys, final = jax.vmap(run)(params, _with_flipped(xs), initial, valid, options)
    ys = jnp.concatenate([ys[0], jnp.flip(ys[1], axis=1)], axis=-1)
    return ys, tuple(jax.tree.map(lambda s, d=d: s[d], final) for d in range(2))


def _of_both(forward: Options, backward: Options, valid: Array | None) -> Options:
    forward = in_order_of_run(forward, valid, reverse=False)
    backward = in_order_of_run(backward, valid, reverse=True)
    backward = backward.over_time(lambda rows: jnp.flip(rows, axis=1))
    return jax.tree.map(lambda a, b: jnp.stack([a, b]), forward, backward)


def _with_flipped(rows: Array) -> Array:
    return jnp.stack([rows, jnp.flip(rows, axis=1)])
