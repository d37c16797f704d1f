"""An MDLSTM as nested scans, rows of columns, differentiated by JAX. Shares no code with the fast
implementation: each pixel is the published equation.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.parameters import MDLSTMParams
from nnarch.kernels.varying import varying_alike


def reference(params: MDLSTMParams, xs: Array, inside: Array, *, stable: bool) -> Array:
    """As `wavefront`."""
    run = partial(_nested_scans, stable=stable)
    return jax.vmap(run, in_axes=(0, 0, None))(params, xs, inside)


def _nested_scans(params: MDLSTMParams, xs: Array, inside: Array, *, stable: bool) -> Array:
    """xs [B, Y, X, D], inside bool [B, Y, X] -> ys [B, Y, X, H], zero where not inside."""
    params, xs, inside = varying_alike((params, xs, inside))
    exact = accumulator(xs.dtype)
    params = jax.tree.map(lambda p: p.astype(exact), params)
    clean = jnp.where(inside[..., None], xs, 0).astype(exact)
    projected = clean @ params.w_x + params.b
    by_row = jnp.transpose(projected, (1, 2, 0, 3))  # [Y, X, B, 5H]
    nothing = jnp.zeros_like(by_row[0, ..., : params.w_row.shape[0]])

    def pixel(left, inputs):
        (h_left, c_left), (z, h_above, c_above) = left, inputs
        z = z + h_above @ params.w_row + h_left @ params.w_col
        i, f_row, f_col, g, o = jnp.split(z, 5, axis=-1)
        i, f_row, f_col, o = map(jax.nn.sigmoid, (i, f_row, f_col, o))
        kept = f_row * c_above + f_col * c_left
        if stable:
            kept = f_row * (f_col * c_above + (1 - f_col) * c_left)
        c = i * jnp.tanh(g) + kept
        h = o * jnp.tanh(c)
        return (h, c), (h, c)

    def row(above, z):
        _, states = lax.scan(pixel, (nothing[0], nothing[0]), (z, *above))
        return states, states[0]

    _, hs = lax.scan(row, (nothing, nothing), by_row)
    ys = jnp.where(inside[..., None], jnp.transpose(hs, (2, 0, 1, 3)), 0)
    return ys.astype(xs.dtype)
