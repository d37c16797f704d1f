"""Attention, and decoders that attend: the public functions.

Decoders are served by "scan", whose weights' gradients are products after the loop, or by
"reference", a plain scan on which `jax.jvp` works. They agree to rounding, gradients included.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.attention import decoders
from nnarch.kernels.attention.check import (
    check_array,
    check_decoder,
    check_initial,
    check_keys,
    check_kind,
    check_memory,
    check_query,
)
from nnarch.kernels.attention.decoders import BahdanauParams, Decoded, LuongParams, LuongState
from nnarch.kernels.attention.memory import Memory, attend_at_once, remember
from nnarch.kernels.attention.parameters import ScoreParams
from nnarch.kernels.cells import GRUState, LSTMState
from nnarch.kernels.choose import choose
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.lengths import check_lengths, valid_steps
from nnarch.kernels.recurrent.check import check_reset

REFUSALS = {"scan": lambda call: None, "reference": lambda call: None}


@rows_as("values")
def attention_memory(
    params: ScoreParams, values: Array, keys: Array | None = None, *, lengths: Array | None = None
) -> Memory:
    """Makes ready what is attended to: keys meet their weights here, once, not at each query.

    Args:
      params: DotParams(), GeneralParams or AdditiveParams.
      values: [B, S, V]; any float. Past a row's length anything may stand.
      keys: [B, S, K]; the values if left out.
      lengths: int32 [B], valid places of each row; S if left out. NumPy arrays and lists are
        checked; arrays on a device are clipped to 0..S.

    Returns:
      the memory, for `attention` and the decoders. All of its arrays have the batch first, so that
      rows can be taken, repeated and sharded.

    Raises:
      ValueError: a shape, dtype or length does not fit.
    """
    keys = values if keys is None else keys
    check_keys("attention_memory", params, values, keys)
    return remember(params, values, keys, check_lengths("lengths", lengths, *values.shape[:2]))


@rows_as("queries")
def attention(params: ScoreParams, queries: Array, memory: Memory) -> tuple[Array, Array]:
    """Means of values, weighted by how well their keys answer each query.

        shares = softmax over s of score(query, key_s);  context = sum over s of shares_s value_s

    Args:
      params: DotParams(): q . k; GeneralParams: q . (w k); AdditiveParams:
        v . tanh(q w_query + k w_key).
      queries: [B, T, Q]; any float. Products round to its dtype and add up in float32 (float64 if
        that is).
      memory: of `attention_memory`, made with the same parameters.

    Returns:
      contexts [B, T, V] in the dtype of queries, and shares [B, T, S] in float32 (float64 if
      queries are), exactly 0 past a row's length. A row without keys has shares and contexts of 0.

    Raises:
      ValueError: a shape or dtype does not fit.

    Source: Bahdanau, Cho and Bengio 2014, arXiv 1409.0473; Luong, Pham and Manning 2015, arXiv
    1508.04025.
    """
    check_array("attention", "queries", queries, "B, T, Q")
    check_memory("attention", memory)
    check_query("attention", params, memory, len(queries), queries.shape[2])
    return attend_at_once(params, queries, memory)


@rows_as("xs")
def luong_decoder(
    params: LuongParams,
    xs: Array,
    memory: Memory,
    initial: LuongState | None = None,
    *,
    lengths: Array | None = None,
    reset: str = "after",
    implementation: str | None = None,
) -> tuple[Decoded, LuongState]:
    """A recurrent layer that attends with its new state and is fed what it said last.

        state_t = cell([x_t, y_{t-1}], state_{t-1})
        context_t = attention(h_t);  y_t = tanh([context_t, h_t] w_out + b_out)

    Args:
      params: of `init_luong_decoder`.
      xs: [B, T, D], right-padded; any float. Products round to its dtype.
      memory: of `attention_memory(params.score, ...)`.
      initial: the state before the first step; zeros if left out.
      lengths: int32 [B], valid steps of each row; T if left out. NumPy arrays and lists are
        checked; arrays on a device are clipped to 0..T.
      reset: of a GRU, "after" or "before"; see `gru`.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, T, O] with contexts [B, T, V] and shares [B, T, S], zero past a row's length, and the
      state after each row's last valid step. Called with T of 1 this is a step of decoding.

    Raises:
      ValueError: a shape, dtype or length does not fit.

    Source: Luong, Pham and Manning 2015, arXiv 1508.04025, with input feeding.
    """
    check_kind("luong_decoder", params, LuongParams)
    check_memory("luong_decoder", memory)
    outputs = np.size(params.b_out)
    hidden = check_decoder("luong_decoder", params.cell, outputs, xs)
    check_query("luong_decoder", params.score, memory, len(xs), hidden)
    wanted = (memory.values.shape[2] + hidden, outputs)
    if np.shape(params.w_out) != wanted or np.ndim(params.b_out) != 1:
        raise ValueError(
            f"luong_decoder expects w_out {wanted}, of [context, h], and b_out ({outputs},); got "
            f"{np.shape(params.w_out)} and {np.shape(params.b_out)}."
        )
    return _decode(decoders.luong, params, xs, memory, initial, lengths, reset, implementation)


@rows_as("xs")
def bahdanau_decoder(
    params: BahdanauParams,
    xs: Array,
    memory: Memory,
    initial: LSTMState | GRUState | None = None,
    *,
    lengths: Array | None = None,
    reset: str = "after",
    implementation: str | None = None,
) -> tuple[Decoded, LSTMState | GRUState]:
    """A recurrent layer that attends with the state before a step, and reads what it finds.

        context_t = attention(h_{t-1});  state_t = cell([x_t, context_t], state_{t-1});  y_t = h_t

    Args:
      params: of `init_bahdanau_decoder`.
      xs, memory, initial, lengths, reset, implementation: as of `luong_decoder`.

    Returns:
      ys [B, T, H] with contexts [B, T, V] and shares [B, T, S], zero past a row's length, and the
      state after each row's last valid step.

    Raises:
      ValueError: a shape, dtype or length does not fit.

    Source: Bahdanau, Cho and Bengio 2014, arXiv 1409.0473, appendix A.2.
    """
    check_kind("bahdanau_decoder", params, BahdanauParams)
    check_memory("bahdanau_decoder", memory)
    hidden = check_decoder("bahdanau_decoder", params.cell, memory.values.shape[2], xs)
    check_query("bahdanau_decoder", params.score, memory, len(xs), hidden)
    return _decode(decoders.bahdanau, params, xs, memory, initial, lengths, reset, implementation)


def _decode(run, params, xs, memory, initial, lengths, reset, implementation):
    check_reset(reset)
    lengths = check_lengths("lengths", lengths, *xs.shape[:2])
    kernel = f"{run.__name__}_decoder"
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    zeros = decoders.nothing(run, params, len(xs), accumulator(xs.dtype), reset)
    if initial is not None:
        check_initial(kernel, initial, zeros)
    initial = zeros if initial is None else initial
    return _run(params, xs, memory, initial, lengths, run=run, reset=reset, deferred=name == "scan")


@partial(jax.jit, static_argnames=("run", "reset", "deferred"))
def _run(params, xs, memory, initial, lengths, *, run, reset: str, deferred: bool):
    valid = None
    if lengths is not None:
        valid = valid_steps(jnp.asarray(lengths), xs.shape[1])
        xs = jnp.where(valid[..., None], xs, 0)
    exact = accumulator(xs.dtype)
    initial = jax.tree.map(lambda a: a.astype(exact), initial)
    return run(params, xs, memory, initial, valid, reset=reset, deferred=deferred)
