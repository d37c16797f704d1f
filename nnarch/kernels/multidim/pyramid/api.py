"""PyraMiD-LSTM: the public functions.

"sweep" has a pass backward of its own, whose weight gradients are convolutions after the loop;
"reference" is a plain scan on which `jax.jvp` works. They agree to rounding, gradients included.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.choose import choose
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.explicit_axes import rows_as
from nnarch.kernels.multidim.pyramid.check import (
    check_axis,
    check_params,
    check_volumes,
)
from nnarch.kernels.multidim.pyramid.parameters import PyramidParams
from nnarch.kernels.multidim.pyramid.reference import reference
from nnarch.kernels.multidim.pyramid.sweep import sweep
from nnarch.kernels.multidim.sizes import check_sizes

REFUSALS = {"sweep": lambda call: None, "reference": lambda call: None}
RUNS = {"sweep": sweep, "reference": reference}

BOTH_WAYS = (False, True)


@rows_as("xs")
def conv_lstm(
    params: PyramidParams,
    xs: Array,
    *,
    axis: int = 0,
    reverse: bool = False,
    sizes: Array | None = None,
    implementation: str | None = None,
) -> Array:
    """A convolutional LSTM through each volume along one axis, plane by plane.

        i, f, o = sigmoid, g = tanh of x[t] * w_x + h[t-1] * w_h + b    (*: 2-D convolution)
        c[t] = f c[t-1] + i g;  h[t] = o tanh(c[t])

    A plane's two axes are those that are left, in their order. Beyond a plane stand zeros: nothing
    is wrapped. What a voxel sees is a pyramid that opens backward from it.

    Args:
      params: w_x [S, S, D, 4H], w_h [S, S, H, 4H], b [4H], S odd; any float.
      xs: [B, Z, Y, X, D]; any float. Products round to its dtype. What lies outside `sizes` may
        hold anything.
      axis: 0 (z), 1 (y) or 2 (x).
      reverse: whether the planes are read from the last to the first.
      sizes: int32 [B, 3], slices, rows and columns of each volume; all of them if left out. Outside
        them states are zero, so a volume comes out as it would alone. NumPy arrays and lists are
        checked; arrays on a device are clipped.
      implementation: "sweep", "reference", or None for the fastest that serves the call.

    Returns:
      ys [B, Z, Y, X, H] in the dtype of xs, zero outside each volume.

    Raises:
      ValueError: a shape, dtype or size does not fit, or the implementation cannot serve.

    Source: Shi et al. 2015, arXiv 1506.04214, without peepholes; Stollenga et al. 2015.
    """
    kernel = "conv_lstm"
    check_volumes(kernel, xs)
    check_params(kernel, params, xs.shape[4])
    params = jax.tree.map(lambda p: jnp.asarray(p)[None], PyramidParams(*params))
    ways = ((check_axis(kernel, axis), (bool(reverse),)),)
    return _checked_run(kernel, params, xs, ways, sizes, implementation)


@rows_as("xs")
def pyramid(
    params: PyramidParams,
    xs: Array,
    *,
    sizes: Array | None = None,
    implementation: str | None = None,
) -> Array:
    """Six `conv_lstm` through each volume, along every axis in both directions, summed.

    Each voxel hears from the whole volume. Opposite directions share a loop. For the pass backward
    each direction keeps 6 H values a voxel, 36 H in all.

    Args:
      params: as of `conv_lstm`, each with a leading axis of 6: along z from the first plane, z from
        the last, y, y from the last, x, x from the last.
      xs, sizes, implementation: as of `conv_lstm`.

    Returns:
      ys [B, Z, Y, X, H] in the dtype of xs, zero outside each volume.

    Raises:
      ValueError: a shape, dtype or size does not fit, or the implementation cannot serve.

    Source: Stollenga, Byeon, Liwicki and Schmidhuber 2015, arXiv 1506.07452, section 2.
    """
    kernel = "pyramid"
    check_volumes(kernel, xs)
    check_params(kernel, params, xs.shape[4], (6,))
    ways = tuple((axis, BOTH_WAYS) for axis in range(3))
    return _checked_run(kernel, PyramidParams(*params), xs, ways, sizes, implementation)


def _checked_run(kernel, params, xs, ways, sizes, implementation) -> Array:
    sizes = check_sizes(kernel, sizes, xs.shape[0], xs.shape[1:4])
    name = choose(kernel, REFUSALS, None, implementation=implementation)
    return _run(params, xs, sizes, ways=ways, implementation=name)


@partial(jax.jit, static_argnames=("ways", "implementation"))
def _run(params, xs, sizes, *, ways, implementation: str) -> Array:
    """The sum over all ways: pairs of an axis, and of whether each direction is reversed."""
    hidden = params.w_h.shape[-2]
    if 0 in xs.shape[:4]:
        return jnp.zeros((*xs.shape[:4], hidden), xs.dtype)
    inside = None if sizes is None else _inside(xs.shape[1:4], sizes)
    if inside is not None:
        xs = jnp.where(inside, xs, 0)  # padding may hold NaN, and NaN * 0 is NaN
    ys, first = 0, 0
    for axis, directions in ways:
        mine = slice(first, first + len(directions))
        of_axis = PyramidParams(*(p[mine] for p in params))
        ys += _along(RUNS[implementation], of_axis, xs, inside, axis, directions)
        first = mine.stop
    return ys.astype(xs.dtype)


def _inside(shape: tuple[int, int, int], sizes: Array) -> Array:
    """bool [B, Z, Y, X, 1]."""
    inside = jnp.ones((), bool)
    for axis, length in enumerate(shape):
        of_axis = jnp.arange(length, dtype=jnp.int32) < sizes[:, axis, None]
        around = [length if other == axis else 1 for other in range(3)]
        inside = inside & of_axis.reshape(-1, *around)
    return inside[..., None]


def _along(run, params, xs, inside, axis: int, directions: tuple[bool, ...]) -> Array:
    """The sum over the directions of an axis, float32 (float64 if that is)."""
    planes, mask = (_planes(array, axis, directions) for array in (xs, inside))
    hs = run(params, planes, mask).astype(accumulator(xs.dtype))
    total = sum(_turned(hs[:, n], reverse) for n, reverse in enumerate(directions))
    return jnp.moveaxis(total, 0, axis + 1)


def _planes(volumes: Array | None, axis: int, directions: tuple[bool, ...]) -> Array | None:
    """[B, Z, Y, X, ...] -> [T, G, B, P, Q, ...], for each direction in its order."""
    if volumes is None:
        return None
    planes = jnp.moveaxis(volumes, axis + 1, 0)
    return jnp.stack([_turned(planes, reverse) for reverse in directions], axis=1)


def _turned(planes: Array, reverse: bool) -> Array:
    return planes[::-1] if reverse else planes
