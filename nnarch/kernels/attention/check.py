"""Shapes and dtypes of calls that attend, checked before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.attention.memory import Memory
from nnarch.kernels.attention.parameters import (
    AdditiveParams,
    DotParams,
    GeneralParams,
    ScoreParams,
)
from nnarch.kernels.cells import GRUParams, LSTMParams
from nnarch.kernels.check_params import is_floating

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


def check_score(kernel: str, params: ScoreParams) -> None:
    """Raises ValueError unless these are parameters of a score, of shapes that fit each other."""
    kinds = (DotParams, GeneralParams, AdditiveParams)
    if not isinstance(params, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{kernel} expects one of {names}; got {type(params).__name__}.")
    _check_floating(kernel, params)
    if isinstance(params, GeneralParams) and np.ndim(params.w) != 2:
        raise ValueError(
            f"{kernel} expects w [Q, K]; got {np.shape(params.w)}. Draw it with init_general."
        )
    if isinstance(params, AdditiveParams):
        shapes = [np.shape(each) for each in params]
        if [len(shape) for shape in shapes] != [2, 2, 1] or len({s[-1] for s in shapes}) != 1:
            raise ValueError(
                f"{kernel} expects w_query [Q, A], w_key [K, A] and v [A]; got {shapes}. Draw them "
                "with init_additive."
            )


def _check_floating(kernel: str, params: tuple) -> None:
    for name, value in zip(params._fields, params, strict=True):
        if not is_floating(value):
            raise ValueError(
                f"{kernel} expects parameters of a floating dtype; {name} is not. Cast it first."
            )


def check_keys(kernel: str, params: ScoreParams, values: Array, keys: Array) -> None:
    """Raises ValueError unless there is a key for each value, of the size that is scored."""
    check_score(kernel, params)
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


def check_query(kernel: str, params: ScoreParams, memory: Memory, rows: int, size: int) -> None:
    """Raises ValueError unless so many rows, of queries of this size, fit what is given."""
    check_score(kernel, params)
    if rows != len(memory.values):
        raise ValueError(
            f"{kernel} expects a memory for each row; got {len(memory.values)} for {rows} rows. "
            "Repeat its arrays, or take those of the rows asked about."
        )
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


def check_decoder(kernel: str, cell, rest: int, xs: Array) -> int:
    """The size H of a decoder's cell.

    Raises:
      ValueError: xs and the cell's parameters do not fit together.
    """
    check_array(kernel, "xs", xs, "B, T, D")
    gates = GATES.get(type(cell))
    hidden, width = np.shape(cell.w_h) if gates and np.ndim(cell.w_h) == 2 else (0, 0)
    wanted = {"w_x": (xs.shape[2] + rest, width), "b": (width,), "b_n": (hidden,)}
    shapes = {name: np.shape(getattr(cell, name)) for name in wanted if hasattr(cell, name)}
    if not gates or width != gates * hidden or shapes != {name: wanted[name] for name in shapes}:
        raise ValueError(
            f"{kernel} with xs [B, T, {xs.shape[2]}], fed {rest} more at each step, expects an "
            f"LSTM or a GRU of {xs.shape[2] + rest} inputs; got {type(cell).__name__} with "
            f"{shapes}. Draw it with init_{kernel}."
        )
    _check_floating(kernel, cell)
    return hidden


def check_kind(kernel: str, params: tuple, kind: type) -> None:
    """Raises ValueError unless the parameters are the decoder's own."""
    if not isinstance(params, kind):
        raise ValueError(
            f"{kernel} expects {kind.__name__}({', '.join(kind._fields)}); got "
            f"{type(params).__name__}. init_{kernel} draws one."
        )


def check_memory(kernel: str, memory: Memory) -> None:
    """Raises ValueError unless it is one."""
    if not isinstance(memory, Memory):
        raise ValueError(
            f"{kernel} expects a memory of attention_memory(params, values); got "
            f"{type(memory).__name__}."
        )


def check_initial(kernel: str, initial: tuple, zeros: tuple) -> None:
    """Raises ValueError unless an initial state is made like the one of zeros."""
    if jax.tree.structure(initial) != jax.tree.structure(zeros):
        raise ValueError(
            f"{kernel} with these parameters expects an initial {type(zeros).__name__}"
            f"({', '.join(zeros._fields)}); got {type(initial).__name__}."
        )
    found = [np.shape(leaf) for leaf in jax.tree.leaves(initial)]
    wanted = [leaf.shape for leaf in jax.tree.leaves(zeros)]
    if found != wanted:
        raise ValueError(
            f"{kernel} expects an initial state of shapes {wanted}; got {found}. Give one a row."
        )
    if not all(map(is_floating, jax.tree.leaves(initial))):
        raise ValueError(f"{kernel} expects an initial state of a floating dtype. Cast it first.")
