"""ReNet: a picture is read by recurrent nets that sweep over its columns, then over its rows.

    v[y, x] = [down over y of p[., x]; up over y of p[., x]]        p[y, x]: a patch, flat
    h[y, x] = [right over x of v[y, .]; left over x of v[y, .]]

So every output has seen the whole picture. Columns are a batch of sequences, and so are rows:
both sweeps are `bidirectional`, whose pass backward they share.

Source: Visin, Kastner, Cho, Matteucci, Courville and Bengio 2015, "ReNet: a recurrent neural
network based alternative to convolutional networks", arXiv 1505.00393, section 2.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.bidirectional import bidirectional, cell_of
from nnarch.kernels.cells import init_elman, init_gru, init_lstm
from nnarch.kernels.check_params import check_params, check_sizes_drawn
from nnarch.kernels.choose import choose
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.multidim.check import check_pictures
from nnarch.kernels.multidim.patches import cut_patches
from nnarch.kernels.multidim.sizes import check_sizes
from nnarch.kernels.recurrent.api import elman, gru, lstm
from nnarch.kernels.recurrent.cell import Cell

REFUSALS = {"scan": lambda call: None, "reference": lambda call: None}

_INIT = {elman: init_elman, lstm: init_lstm, gru: init_gru}


class ReNetParams(NamedTuple):
    """Two pairs of the cell's parameters. The columns' read patches, the rows' what columns say."""

    columns: tuple[tuple, tuple]  # down, up; D is patch rows * patch columns * channels
    rows: tuple[tuple, tuple]  # right, left; D is 2H


def init_renet(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    kernel: Callable,
    patch: tuple[int, int] = (2, 2),
    dtype: jnp.dtype = jnp.float32,
) -> ReNetParams:
    """Draws the parameters of four sweeps as the kernel's own are drawn.

    Args:
      key: a typed key.
      input_size: channels D of the picture.
      hidden_size: units H of each sweep.
      kernel: `elman`, `lstm` or `gru` itself.
      patch: rows and columns of a patch.
      dtype: of all parameters.

    Raises:
      ValueError: a size is below 1, or the kernel is not one of the three.
    """
    cell_of(kernel, "after", caller="init_renet")
    rows, columns = _check_patch("init_renet", patch)
    check_sizes_drawn(input_size=input_size, hidden_size=hidden_size)
    draw = partial(_INIT[kernel], hidden_size=hidden_size, dtype=dtype)
    down, up, right, left = jax.random.split(key, 4)
    patch_size = rows * columns * input_size
    return ReNetParams(
        (draw(down, patch_size), draw(up, patch_size)),
        (draw(right, 2 * hidden_size), draw(left, 2 * hidden_size)),
    )


@rows_as("xs")
def renet(
    kernel: Callable,
    params: ReNetParams,
    xs: Array,
    *,
    patch: tuple[int, int] = (2, 2),
    sizes: Array | None = None,
    reset: str = "after",
    implementation: str | None = None,
) -> Array:
    """Cuts pictures into patches and sweeps over the columns of patches, then over the rows.

    Args:
      kernel: `elman`, `lstm` or `gru` itself.
      params: of a patch of py rows and px columns, and H units: columns, a pair (down, up) that
        reads py * px * D inputs; rows, a pair (right, left) that reads 2H. Any float.
      xs: [B, Y, X, D]; any float. What lies outside `sizes` may hold anything.
      patch: rows and columns of a patch. Patches do not overlap; where they do not divide a
        picture's side, its last ones are filled up with zeros.
      sizes: int32 [B, 2], rows and columns of each picture in pixels; all of them if left out.
        NumPy arrays and lists are checked; arrays on a device are clipped.
      reset: for `gru` alone: "after" or "before" the recurrent product.
      implementation: "scan", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, ceil(Y / py), ceil(X / px), 2H] in the dtype of xs, the sweep to the right first; zero
      outside each picture's ceil(rows / py) and ceil(columns / px) patches.

    Raises:
      ValueError: a shape, dtype or size does not fit, or the kernel is not one of the three.
    """
    check_pictures("renet", xs)
    cell = cell_of(kernel, reset, caller="renet")
    patch = _check_patch("renet", patch)
    params = _checked_params(cell, params, xs.shape[3], patch)
    sizes = check_sizes("renet", sizes, xs.shape[0], xs.shape[1:3])
    name = choose("renet", REFUSALS, None, implementation=implementation)
    return _run(params, xs, sizes, call=_Call(kernel, reset, name, patch))


def _check_patch(kernel: str, patch: tuple[int, int]) -> tuple[int, int]:
    is_pair = isinstance(patch, tuple | list) and len(patch) == 2
    if not is_pair or not all(isinstance(n, int | np.integer) and n >= 1 for n in patch):
        raise ValueError(
            f"{kernel} expects patch as (rows, columns), two integers of 1 or more; got {patch!r}."
        )
    return int(patch[0]), int(patch[1])


def _checked_params(
    cell: Cell, params: ReNetParams, channels: int, patch: tuple[int, int]
) -> ReNetParams:
    pairs = params if isinstance(params, tuple) and len(params) == 2 else ()
    if not pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise ValueError(
            "renet expects ReNetParams(columns, rows), a pair of parameters each; got "
            f"{type(params).__name__}. init_renet draws them."
        )
    columns = _checked_pair(cell, pairs[0], patch[0] * patch[1] * channels, "columns", patch)
    hidden = columns[0].w_h.shape[0]
    return ReNetParams(columns, _checked_pair(cell, pairs[1], 2 * hidden, "rows", patch))


def _checked_pair(cell: Cell, pair: tuple, inputs: int, which: str, patch: tuple) -> tuple:
    for params in pair:
        check_params(
            f"renet ({cell.name}, {which})",
            cell.params,
            params,
            lambda hidden: cell.shapes(inputs, hidden),
            xs=f"and patches {patch}, so {inputs} inputs a step,",
            draw=f"renet(key, channels, hidden_size, kernel={cell.name}, patch={patch})",
        )
    return tuple(cell.params(*params) for params in pair)


class _Call(NamedTuple):
    """What is static of a call."""

    kernel: Callable
    reset: str
    implementation: str
    patch: tuple[int, int]

    def sweep(self, pair: tuple[tuple, tuple], xs: Array, lengths: Array | None) -> Array:
        """Over each of xs [B, L, T, D], L lines a picture: [B, L, T, 2H]."""
        batch, lines = xs.shape[:2]
        ys, _ = bidirectional(
            self.kernel,
            *pair,
            xs.reshape(batch * lines, *xs.shape[2:]),
            lengths=None if lengths is None else lengths.reshape(-1),
            reset=self.reset,
            implementation=self.implementation,
        )
        return ys.reshape(batch, lines, *ys.shape[1:])


@partial(jax.jit, static_argnames="call")
def _run(params: ReNetParams, xs: Array, sizes: Array | None, *, call: _Call) -> Array:
    patches = cut_patches(xs, sizes, call.patch)
    down = right = None
    if sizes is not None:
        down, right = _line_lengths(sizes, patches.shape[1:3], call.patch)
    ys = call.sweep(params.columns, patches.swapaxes(1, 2), down)
    return call.sweep(params.rows, ys.swapaxes(1, 2), right)


def _line_lengths(
    sizes: Array, patches: tuple[int, int], patch: tuple[int, int]
) -> tuple[Array, Array]:
    """How many patches each column has, int32 [B, X'], and each row, int32 [B, Y']."""
    rows, columns = (-(-sizes[:, axis, None] // patch[axis]) for axis in (0, 1))
    y, x = (jnp.arange(count, dtype=jnp.int32) for count in patches)
    # Columns beyond a picture are read as if they were its own: no row reads what they say.
    return rows + 0 * x, jnp.where(y < rows, columns, 0)
