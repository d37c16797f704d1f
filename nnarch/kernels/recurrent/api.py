"""Elman nets, LSTM and GRU over time: the public functions.

Each is checked here and served by one of the implementations in this folder: "scan", the fast one
for every platform; "cudnn", LSTM alone and on CUDA; "reference", a plain scan on which `jax.jvp`
works. They agree to rounding, gradients included.
"""

from jax import Array

from nnarch.kernels.cells import ElmanParams, ElmanState, GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.recurrent.call import recur
from nnarch.kernels.recurrent.cell import ELMAN, GRU, LSTM
from nnarch.kernels.recurrent.check import check_reset
from nnarch.kernels.recurrent.options import Options


@rows_as("xs")
def elman(
    params: ElmanParams,
    xs: Array,
    initial: ElmanState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    starts: Array | None = None,
    recurrent_mask: Array | None = None,
    zoneout: ElmanState | None = None,
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
      starts: bool [B, T], True at the first step of each sequence where rows hold several, one
        behind the other: the state before that step is zero (after it, if reverse), and no gradient
        passes. bool [B] says it of the first step: True where a row's initial state is not to be
        read; it changes nothing if reverse.
      recurrent_mask: [B, H], what h is multiplied by wherever it meets recurrent weights, the same
        at each step: dropout of the state (`recurrent_dropout_mask`). It gets no gradient.
      zoneout: for each part of the state bool [B, T, H] (`zoneout_mask`), True where a unit keeps
        what it had before the step; or a rate, the share that it keeps of it, as in evaluation; or
        None.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs, zero past a row's length, and the state after each row's last
      valid step (its first, if reverse) in float32 (float64 if xs is); the initial one where the
      length is 0.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Elman 1990, "Finding structure in time". Dropout of the state: Gal and Ghahramani 2016,
    arXiv 1512.05287; zoneout: Krueger et al. 2016, arXiv 1606.01305.
    """
    options = Options(starts, recurrent_mask, zoneout)
    return recur(
        ELMAN,
        params,
        xs,
        initial,
        lengths,
        options,
        reverse=reverse,
        implementation=implementation,
    )


@rows_as("xs")
def lstm(
    params: LSTMParams,
    xs: Array,
    initial: LSTMState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    starts: Array | None = None,
    recurrent_mask: Array | None = None,
    zoneout: LSTMState | None = None,
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
      starts: bool [B, T], True at the first step of each sequence where rows hold several, one
        behind the other: the state before that step is zero (after it, if reverse), and no gradient
        passes. bool [B] says it of the first step: True where a row's initial state is not to be
        read; it changes nothing if reverse.
      recurrent_mask: [B, H], what h is multiplied by wherever it meets recurrent weights, the same
        at each step: dropout of the state (`recurrent_dropout_mask`). It gets no gradient.
      zoneout: for each part of the state bool [B, T, H] (`zoneout_mask`), True where a unit keeps
        what it had before the step; or a rate, the share that it keeps of it, as in evaluation; or
        None.
      implementation: "scan", "cudnn", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs, zero past a row's length, and the states after each row's
      last valid step (its first, if reverse) in float32 (float64 if xs is); the initial ones where
      the length is 0.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Hochreiter and Schmidhuber 1997; the forget gate: Gers, Schmidhuber and Cummins 2000.
    """
    options = Options(starts, recurrent_mask, zoneout)
    return recur(
        LSTM,
        params,
        xs,
        initial,
        lengths,
        options,
        reverse=reverse,
        implementation=implementation,
    )


@rows_as("xs")
def gru(
    params: GRUParams,
    xs: Array,
    initial: GRUState | None = None,
    *,
    lengths: Array | None = None,
    reverse: bool = False,
    starts: Array | None = None,
    recurrent_mask: Array | None = None,
    zoneout: GRUState | None = None,
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
      starts: bool [B, T], True at the first step of each sequence where rows hold several, one
        behind the other: the state before that step is zero (after it, if reverse), and no gradient
        passes. bool [B] says it of the first step: True where a row's initial state is not to be
        read; it changes nothing if reverse.
      recurrent_mask: [B, H], what h is multiplied by wherever it meets recurrent weights, the same
        at each step: dropout of the state (`recurrent_dropout_mask`). It gets no gradient.
      zoneout: for each part of the state bool [B, T, H] (`zoneout_mask`), True where a unit keeps
        what it had before the step; or a rate, the share that it keeps of it, as in evaluation; or
        None.
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
    options = Options(starts, recurrent_mask, zoneout)
    return recur(
        GRU[reset],
        params,
        xs,
        initial,
        lengths,
        options,
        reverse=reverse,
        implementation=implementation,
    )
