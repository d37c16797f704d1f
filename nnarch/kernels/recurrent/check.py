"""Shapes and dtypes of a recurrent call, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import check_params as check_params_of
from nnarch.kernels.check_params import dtype_of, is_floating
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.recurrent.cell import GRU, Cell


def check_reset(reset: str) -> None:
    """Raises ValueError unless `reset` names a kind of GRU."""
    if reset not in GRU:
        raise ValueError(
            f"gru has no reset={reset!r}: give 'after' (cuDNN, PyTorch) or 'before' (Cho 2014)."
        )


def check_inputs(cell: Cell, xs: Array) -> None:
    """Raises ValueError unless xs is an array [B, T, D], D not 0, of a floating dtype."""
    if not hasattr(xs, "dtype"):
        raise ValueError(
            f"{cell.name} expects xs as an array; got {type(xs).__name__}. Give jnp.asarray(xs)."
        )
    if np.ndim(xs) != 3 or xs.shape[2] == 0:
        raise ValueError(
            f"{cell.name} expects xs [B, T, D] with D of 1 or more; got {np.shape(xs)}. "
            "Put the batch first; give a single sequence an axis with xs[None]."
        )
    if not jnp.issubdtype(xs.dtype, jnp.floating):
        raise ValueError(
            f"{cell.name} expects xs of a floating dtype; got {xs.dtype}. Embed or cast it first."
        )


def check_params(cell: Cell, params: tuple, inputs: int) -> None:
    """Raises ValueError unless every parameter has the shape that D and H ask for."""
    check_params_of(
        cell.name,
        cell.params,
        params,
        lambda hidden: cell.shapes(inputs, hidden),
        xs=f"[B, T, {inputs}]",
        draw=f"{cell.name}(key, {inputs}, hidden_size)",
    )


def check_initial(cell: Cell, initial: tuple | None, xs: Array, hidden: int) -> tuple:
    """Returns the initial state in the dtype of sums, zeros where none is given."""
    dtype = accumulator(xs.dtype)
    expected = (xs.shape[0], hidden)
    names = cell.state._fields
    if initial is None:
        return cell.state(*(jnp.zeros(expected, dtype) for _ in names))
    if not isinstance(initial, tuple) or len(initial) != len(names):
        raise ValueError(
            f"{cell.name} expects an initial {cell.state.__name__}({', '.join(names)}); "
            f"got {type(initial).__name__}. Make one of the arrays."
        )
    for name, value in zip(names, initial, strict=True):
        if np.shape(value) != expected or not is_floating(value):
            raise ValueError(
                f"{cell.name} expects an initial {name} of shape {list(expected)}, floating; "
                f"got {dtype_of(value)} {np.shape(value)}. One row for each row of xs."
            )
    return cell.state(*(jnp.asarray(value, dtype) for value in initial))
