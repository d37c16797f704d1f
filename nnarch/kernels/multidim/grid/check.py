"""Shapes, dtypes and options of a call, checked before anything is compiled."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.check_params import dtype_of, is_floating
from nnarch.kernels.multidim.grid.block import Block
from nnarch.kernels.multidim.grid.parameters import (
    GridParams,
    GridState,
    check_dimensions,
    gates_of,
)


def check_block(kernel: str, count: int, dimensions, priority, squash) -> Block:
    """Returns the block that these options describe.

    Raises:
      ValueError: not `count` known dimensions, no such priority dimension, or no such squash.
    """
    check_dimensions(kernel, dimensions)
    if len(dimensions) != count:
        raise ValueError(
            f"{kernel} expects {count} dimensions; got {tuple(dimensions)!r}. Name each one's "
            "kind, depth the last."
        )
    if priority is not None and priority not in range(count):
        raise ValueError(
            f"{kernel} expects priority as a dimension from 0 to {count - 1}, or None; got "
            f"{priority!r}."
        )
    if squash not in ("after", "before"):
        raise ValueError(
            f"{kernel} expects squash as 'after', tanh(o m), or 'before', o tanh(m); got "
            f"{squash!r}."
        )
    return Block(tuple(dimensions), priority, squash)


def check_grid_params(
    kernel: str, params: GridParams, block: Block, hidden: int, layers: int | None
) -> tuple[GridParams, int, bool]:
    """Returns the parameters, the number of layers, and whether these share their weights.

    Raises:
      ValueError: parameters of another shape, not floating, or layers that they do not have.
    """
    count = len(block.dimensions)
    are_pairs = isinstance(params, tuple) and len(params) == 2
    if not are_pairs or not all(isinstance(p, tuple | list) and len(p) == count for p in params):
        raise ValueError(
            f"{kernel} expects GridParams(w, b), each of {count} arrays; got "
            f"{type(params).__name__}. init_grid_lstm draws one."
        )
    params = GridParams(tuple(params[0]), tuple(params[1]))
    found = tuple(np.shape(p) for p in (*params.w, *params.b))
    widths = [gates_of(kind) * hidden for kind in block.dimensions]
    wanted = (*((count * hidden, width) for width in widths), *((width,) for width in widths))
    own = len(found[0]) - 2
    leading = found[0][:own]
    if own not in (0, 1) or found != tuple(leading + shape for shape in wanted):
        raise ValueError(
            f"{kernel} with H of {hidden} expects w and b of shapes {wanted}, each with one more "
            f"axis in front where layers are untied; got {found}. Draw them with init_grid_lstm("
            f"key, {hidden}, dimensions={block.dimensions})."
        )
    if not all(map(is_floating, (*params.w, *params.b))):
        raise ValueError(f"{kernel} expects parameters of a floating dtype. Cast them first.")
    return params, *_check_layers(kernel, layers, leading)


def _check_layers(kernel: str, layers: int | None, leading: tuple[int, ...]) -> tuple[int, bool]:
    if not leading:
        if not isinstance(layers, int | np.integer) or layers < 1:
            raise ValueError(
                f"{kernel} with weights that all layers share expects layers, 1 or more; got "
                f"{layers!r}. Say how deep the grid is."
            )
        return int(layers), True
    if layers not in (None, leading[0]) or leading[0] < 1:
        raise ValueError(
            f"{kernel} has the weights of {leading[0]} layers; got layers={layers!r}. Leave layers "
            "out where they are untied."
        )
    return leading[0], False


def check_state(kernel: str, name: str, state: GridState, shape: tuple[int | None, ...]) -> None:
    """Raises ValueError unless h, and m if there is one, are floating and of the shape.

    None in the shape is any size of 0 or more.
    """
    if not isinstance(state, tuple) or len(state) != 2:
        raise ValueError(
            f"{kernel} expects {name} as GridState(h, m); got {type(state).__name__}. Give "
            "GridState(h, None) where m begins at zero."
        )
    for part, array in zip(GridState._fields, state, strict=True):
        if part == "m" and array is None:
            continue
        fits = np.ndim(array) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, np.shape(array), strict=True)
        )
        if not fits or not is_floating(array):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(
                f"{kernel} expects {name}.{part} of a floating dtype and shape [{wanted}]; got "
                f"{dtype_of(array)} {np.shape(array)}. Put the batch first, features last."
            )


def check_units(kernel: str, name: str, state: GridState, rank: int) -> int:
    """Returns H, the last axis of an h of this rank.

    Raises:
      ValueError: there is no such h.
    """
    check_state(kernel, name, state, (None,) * rank)
    if state[0].shape[-1] == 0 or (state[1] is not None and state[0].shape != state[1].shape):
        raise ValueError(
            f"{kernel} expects {name}.h and {name}.m of one shape, features of 1 or more; got "
            f"{np.shape(state[0])} and {np.shape(state[1])}."
        )
    return state[0].shape[-1]


def as_arrays(state: GridState) -> GridState:
    """h and m as arrays of one dtype, that of h."""
    h = jnp.asarray(state[0])
    return GridState(h, jnp.zeros_like(h) if state[1] is None else jnp.asarray(state[1], h.dtype))


def zeros_of(shape: tuple[int, ...], dtype: jnp.dtype) -> GridState:
    """The state off the grid."""
    zeros: Array = jnp.zeros(shape, dtype)
    return GridState(zeros, zeros)
