"""Shapes and dtypes of calls that attend, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.attention.memory import Memory
from nnarch.kernels.attention.parameters import AdditiveParams, GeneralParams, ScoreParams
from nnarch.kernels.cells import GRUParams, LSTMParams

GATES = {LSTMParams: 4, GRUParams: 3}


def check_array(kernel: str, name: str, array: Array, axes: str) -> None:
    """Raises ValueError unless it is floating and has these axes, such as "B, S, V"."""
    count = len(axes.split(","))
    if not hasattr(array, "dtype") or np.ndim(array) != count:
        raise ValueError(
            f"{kernel} expects {name} [{axes}], an array; got {type(array).__name__} of shape "
            f"{np.shape(array)}. Put the batch first; give a single row an axis with {name}[None]."
        )
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"{kernel} expects {name} floating; got {array.dtype}. Cast it first.")


def check_keys(kernel: str, params: ScoreParams, values: Array, keys: Array) -> None:
    """Raises ValueError unless there is a key for each value, of the size that is scored."""
    check_array(kernel, "values", values, "B, S, V")
    check_array(kernel, "keys", keys, "B, S, K")
    if keys.shape[:2] != values.shape[:2]:
        raise ValueError(
            f"{kernel} expects a key for each value; got keys {keys.shape} and values "
            f"{values.shape}. Give both the same batch and length."
        )
    wanted = {GeneralParams: "w [Q, K]", AdditiveParams: "w_key [K, A]"}.get(type(params))
    size = keys.shape[2]
    found = size
    if isinstance(params, GeneralParams):
        found = np.shape(params.w)[1]
    if isinstance(params, AdditiveParams):
        found = np.shape(params.w_key)[0]
    if found != size:
        raise ValueError(
            f"{kernel} with keys of {size} expects {wanted} for K = {size}; got {found}. "
            "Draw parameters for keys of that size."
        )


def check_query(kernel: str, params: ScoreParams, memory: Memory, size: int) -> None:
    """Raises ValueError unless queries of this size fit the parameters and the memory."""
    held = memory.keys.shape[2]
    wanted = np.shape(params.w_query)[0] if isinstance(params, AdditiveParams) else held
    if size != wanted:
        raise ValueError(
            f"{kernel} with these parameters and this memory expects queries of {wanted}; got "
            f"{size}. Draw parameters for queries of that size."
        )
    if isinstance(params, AdditiveParams) and np.shape(params.w_key)[1] != held:
        raise ValueError(
            f"{kernel} expects a memory made with its own parameters; this one has keys of {held}. "
            "Make it with attention_memory(params.score, values)."
        )


def check_decoder(kernel: str, cell, rest: int, xs: Array, memory: Memory) -> int:
    """The size H of a decoder's cell.

    Raises:
      ValueError: xs, the memory or the cell's parameters do not fit together.
    """
    check_array(kernel, "xs", xs, "B, T, D")
    if len(xs) != len(memory.values):
        raise ValueError(
            f"{kernel} expects a memory for each row of xs; got {len(memory.values)} and {len(xs)}."
        )
    gates = GATES.get(type(cell))
    hidden, width = np.shape(cell.w_h) if gates else (0, 0)
    wanted = (xs.shape[2] + rest, width)
    if not gates or width != gates * hidden or np.shape(cell.w_x) != wanted:
        raise ValueError(
            f"{kernel} with xs [B, T, {xs.shape[2]}], fed {rest} more at each step, expects an "
            f"LSTM or a GRU of {wanted[0]} inputs; got {type(cell).__name__} with w_x "
            f"{np.shape(getattr(cell, 'w_x', ()))}. Draw it with init_{kernel}."
        )
    return hidden
