"""cuDNN's LSTM, through jax.experimental.rnn; where it cannot serve it says why."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import rnn

from nnarch.kernels.cells import LSTMParams, LSTMState


class Call(NamedTuple):
    """What is known of a call before it is compiled."""

    kernel: str
    xs: Array
    lengths: Array | np.ndarray | None
    named: bool  # whether the caller asked for an implementation by name
    traced: bool  # whether any operand is a tracer
    options: tuple[str, ...] = ()  # what is asked of the loop beside lengths


def refusal(call: Call) -> str | None:
    """Why cuDNN cannot serve a call; None if it can."""
    if call.kernel != "lstm":
        return "jax gives access to cuDNN's LSTM alone"
    if jax.default_backend() not in ("gpu", "cuda"):
        return f"it needs a CUDA device, and jax runs on {jax.default_backend()}"
    if call.xs.dtype != jnp.float32:
        return f"it computes in float32, and xs is {call.xs.dtype}"
    if 0 in call.xs.shape[:2]:
        return "it takes no empty batch or sequence"
    if call.options:
        return f"it knows no {' and no '.join(call.options)}"
    if call.lengths is not None and not _all_positive(call.lengths):
        return "it fails on a row of length 0; give lengths above 0 as a NumPy array, or none"
    if call.traced and not call.named:
        # vmap, a second derivative and export for another platform find no rule for it, and what
        # will become of a program that is being traced cannot be seen from inside.
        return "under a transformation it serves where it is named"
    return None


def _all_positive(lengths: Array | np.ndarray) -> bool:
    return isinstance(lengths, np.ndarray) and bool(np.all(lengths > 0))


def lstm(
    params: LSTMParams, xs: Array, initial: LSTMState, lengths: Array | None, reverse: bool
) -> tuple[Array, LSTMState]:
    """xs [B, T, D], initial states [B, H], lengths int32 [B] above 0 or None -> (ys, final)."""
    batch, steps, inputs = xs.shape
    if lengths is None:
        lengths = jnp.full(batch, steps, jnp.int32)
    if reverse:
        xs = _reverse_rows(xs, lengths)
    hidden = params.w_h.shape[0]
    h, c = (s[None].astype(xs.dtype) for s in initial)
    ys, h, c = rnn.lstm(xs, h, c, _packed(params, xs.dtype), lengths, inputs, hidden, 1, 0.0, False)
    ys = jnp.where(jnp.arange(steps)[:, None] < lengths[:, None, None], ys, 0)
    return _reverse_rows(ys, lengths) if reverse else ys, LSTMState(h[0], c[0])


def _packed(params: LSTMParams, dtype: jnp.dtype) -> Array:
    """cuDNN's one vector: w_x and w_h transposed, then two biases, of which ours is the first."""
    parts = (params.w_x.T, params.w_h.T, params.b, jnp.zeros_like(params.b))
    return jnp.concatenate([p.astype(dtype).ravel() for p in parts])


def _reverse_rows(xs: Array, lengths: Array) -> Array:
    """Reverses the valid part of each row of [B, T, ...] and leaves the padding where it is."""
    steps = jnp.arange(xs.shape[1])
    source = jnp.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return jnp.take_along_axis(xs, source[..., None], axis=1)
