"""Variants of the LSTM over time: the public functions. Each takes what `lstm` takes."""

from jax import Array

from nnarch.kernels.cells import LayerNormLSTMParams, LSTMState, PeepholeLSTMParams
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.recurrent.call import recur
from nnarch.kernels.recurrent.cell import LAYER_NORM_LSTM, PEEPHOLE_LSTM
from nnarch.kernels.recurrent.options import Options


@rows_as("xs")
def peephole_lstm(
    params: PeepholeLSTMParams,
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
    """Runs an LSTM whose gates see its state: i and f that before the step, o that after it.

        i = sigmoid(.. + p_i c);  f = sigmoid(.. + p_f c);  o = sigmoid(.. + p_o c')
        c' = f c + i g;  h' = o tanh(c')

    Args:
      params: w_x [D, 4H], w_h [H, 4H], b [4H], p_i, p_f, p_o [H]; any float.
      xs, initial, lengths, reverse, starts, recurrent_mask, zoneout: as of `lstm`.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs and the last states, as `lstm` does.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Gers and Schmidhuber 2000, "Recurrent nets that time and count"; the squashing of the
    output by tanh: Graves 2013, arXiv 1308.0850, equations 7 to 11.
    """
    options = Options(starts, recurrent_mask, zoneout)
    return recur(
        PEEPHOLE_LSTM,
        params,
        xs,
        initial,
        lengths,
        options,
        reverse=reverse,
        implementation=implementation,
    )


@rows_as("xs")
def layer_norm_lstm(
    params: LayerNormLSTMParams,
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
    """Runs an LSTM that normalises the arguments of its gates, and its state as it is shown.

        i, f, g, o of scale_x n(x w_x) + scale_h n(h w_h) + b;  c' = f c + i g
        h' = o tanh(scale_c n(c') + shift_c);  n(a) = (a - mean(a)) / sqrt(var(a) + 1e-5)

    The mean and the variance of n(x w_x) and of n(h w_h) are over all four gates' arguments.

    Args:
      params: w_x [D, 4H], w_h [H, 4H], b, scale_x, scale_h [4H], scale_c, shift_c [H]; any float.
      xs, initial, lengths, reverse, starts, recurrent_mask, zoneout: as of `lstm`.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, H] in the dtype of xs and the last states, as `lstm` does.

    Raises:
      ValueError: a shape, dtype or length does not fit, or the implementation cannot serve.

    Source: Ba, Kiros and Hinton 2016, arXiv 1607.06450, equations 20 to 22, whose three shifts of
    the gates' arguments are one here.
    """
    options = Options(starts, recurrent_mask, zoneout)
    return recur(
        LAYER_NORM_LSTM,
        params,
        xs,
        initial,
        lengths,
        options,
        reverse=reverse,
        implementation=implementation,
    )
