"""Multi-dimensional LSTM over pictures: the public functions.

"wavefront" runs along anti-diagonals, with a pass backward of its own; on accelerators all
directions are in one loop;
"reference" is nested scans on which `jax.jvp` works. They agree to rounding, gradients included.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.choose import choose
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.multidim.check import (
    check_flip,
    check_mdlstm_params,
    check_pictures,
)
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.multidim.reference import reference
from nnarch.kernels.multidim.sizes import check_sizes
from nnarch.kernels.multidim.wavefront import wavefront

REFUSALS = {"wavefront": lambda call: None, "reference": lambda call: None}
RUNS = {"wavefront": wavefront, "reference": reference}

DIRECTIONS = ((False, False), (False, True), (True, False), (True, True))


@rows_as("xs")
def mdlstm(
    params: MDLSTMParams,
    xs: Array,
    *,
    flip: tuple[bool, bool] = (False, False),
    sizes: Array | None = None,
    stable: bool = False,
    implementation: str | None = None,
) -> Array:
    """Reads each picture from one corner: a pixel hears from the one above and the one to its left.

        i, f_row, f_col, o = sigmoid, g = tanh of
            x[y, x] w_x + h[y-1, x] w_row + h[y, x-1] w_col + b
        c[y, x] = i g + f_row c[y-1, x] + f_col c[y, x-1];  h = o tanh(c)

    States off the picture are 0. With both forget gates near 1, c grows as the number of paths from
    the corner. `stable` mixes both neighbours before one forget gate, f and m taking the places of
    f_row and f_col, and c grows as the length of a path at most:

        c[y, x] = i g + f (m c[y-1, x] + (1 - m) c[y, x-1])

    Args:
      params: w_x [D, 5H], w_row [H, 5H], w_col [H, 5H], b [5H]; any float.
      xs: [B, Y, X, D]; any float. Products round to its dtype. What lies outside `sizes` may hold
        anything.
      flip: whether rows run from the last to the first, and whether columns do; each picture from
        its own last. ys stays aligned with xs.
      sizes: int32 [B, 2], rows and columns of each picture; all of them if left out. NumPy arrays
        and lists are checked; arrays on a device are clipped.
      stable: the cell after Leifert et al. Draw its parameters with init_mdlstm(stable=True).
      implementation: "wavefront", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, Y, X, H] in the dtype of xs, zero outside each picture.

    Raises:
      ValueError: a shape, dtype or size does not fit, or the implementation cannot serve.

    Source: Graves, Fernandez and Schmidhuber 2007, arXiv 0705.2011; `stable`: Leifert, Strauss,
    Gruening, Labahn 2016, "Cells in multidimensional recurrent neural networks".
    """
    check_pictures("mdlstm", xs)
    check_mdlstm_params("mdlstm", params, xs.shape[3])
    flips = (check_flip("mdlstm", flip),)
    params = jax.tree.map(lambda p: jnp.asarray(p)[None], MDLSTMParams(*params))
    return _checked_run("mdlstm", params, xs, flips, sizes, stable, implementation)[..., 0, :]


@rows_as("xs")
def mdlstm_directions(
    params: MDLSTMParams,
    xs: Array,
    *,
    sizes: Array | None = None,
    stable: bool = False,
    implementation: str | None = None,
) -> Array:
    """Reads each picture from all four corners, each with weights of its own, in one loop.

    Args:
      params: as of `mdlstm`, each with a leading axis of 4: flip (False, False), (False, True),
        (True, False), (True, True).
      xs, sizes, stable, implementation: as of `mdlstm`.

    Returns:
      ys [B, Y, X, 4, H] in the dtype of xs, zero outside each picture.

    Raises:
      ValueError: a shape, dtype or size does not fit, or the implementation cannot serve.

    Source: Graves, Fernandez and Schmidhuber 2007, arXiv 0705.2011, section 2.1.
    """
    kernel = "mdlstm_directions"
    check_pictures(kernel, xs)
    check_mdlstm_params(kernel, params, xs.shape[3], (len(DIRECTIONS),))
    params = MDLSTMParams(*params)
    return _checked_run(kernel, params, xs, DIRECTIONS, sizes, stable, implementation)


def _checked_run(kernel, params, xs, flips, sizes, stable, implementation) -> Array:
    sizes = check_sizes(kernel, sizes, xs.shape[0], xs.shape[1:3])
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    return _run(params, xs, sizes, flips=flips, stable=bool(stable), implementation=name)


@partial(jax.jit, static_argnames=("flips", "stable", "implementation"))
def _run(params, xs, sizes, *, flips, stable: bool, implementation: str) -> Array:
    hidden = params.w_row.shape[1]
    if 0 in xs.shape[:3]:
        return jnp.zeros((*xs.shape[:3], len(flips), hidden), xs.dtype)
    inside = jnp.ones(xs.shape[:3], bool) if sizes is None else _inside(sizes, *xs.shape[1:3])
    turned = jnp.stack([_turned(xs, flip, sizes) for flip in flips])
    ys = RUNS[implementation](params, turned, inside, stable=stable)
    return jnp.stack([_turned(y, flip, sizes) for y, flip in zip(ys, flips, strict=True)], axis=-2)


def _inside(sizes: Array, rows: int, columns: int) -> Array:
    """bool [B, Y, X]."""
    y, x = jnp.arange(rows, dtype=jnp.int32)[:, None], jnp.arange(columns, dtype=jnp.int32)
    return (y < sizes[:, 0, None, None]) & (x < sizes[:, 1, None, None])


def _turned(pictures: Array, flip: tuple[bool, bool], sizes: Array | None) -> Array:
    """[B, Y, X, ...] with each picture's own rows and columns reversed where flip says so."""
    if sizes is None:
        return jnp.flip(pictures, [axis for axis, reverse in enumerate(flip, 1) if reverse])
    for axis, reverse in enumerate(flip, 1):
        if reverse:
            place = jnp.arange(pictures.shape[axis], dtype=jnp.int32)
            last = sizes[:, axis - 1, None]
            place = jnp.where(place < last, last - 1 - place, place)
            shape = [len(place), *(1 for _ in pictures.shape[1:])]
            shape[axis] = -1
            pictures = jnp.take_along_axis(pictures, place.reshape(shape), axis, mode="clip")
    return pictures
