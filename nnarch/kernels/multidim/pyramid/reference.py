"""A convolutional LSTM as a plain scan, differentiated by JAX. Shares no code with the fast
implementation: a convolution is a sum over the window of shifted planes, each the published
equation's product.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.pyramid.parameters import PyramidParams
from nnarch.kernels.varying import varying_alike


def reference(params: PyramidParams, planes: Array, inside: Array | None) -> Array:
    """As `sweep`."""
    params, planes, inside = varying_alike((params, planes, inside))
    exact = accumulator(planes.dtype)
    params = jax.tree.map(lambda p: p.astype(exact), params)

    def step(state, of_step):
        (h, c), (x, here) = state, of_step
        z = _windows(x.astype(exact), params.w_x) + _windows(h, params.w_h)
        i, f, g, o = jnp.split(z + params.b[:, None, None, None], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        if here is not None:
            h, c = jnp.where(here, h, 0), jnp.where(here, c, 0)
        return (h, c), h

    hidden = params.w_h.shape[-2]
    nothing = jnp.zeros_like(planes[0, ..., :1], exact).repeat(hidden, axis=-1)
    _, hs = lax.scan(step, (nothing, nothing), (planes, inside))
    return hs.astype(planes.dtype)


def _windows(planes: Array, window: Array) -> Array:
    """[G, B, P, Q, K] with [G, S, S, K, L] -> [G, B, P, Q, L]."""
    size = window.shape[1]
    rows, columns = planes.shape[2:4]
    around = (size // 2, size // 2)
    padded = jnp.pad(planes, ((0, 0), (0, 0), around, around, (0, 0)))
    return sum(
        jnp.einsum(
            "gbpqk,gkl->gbpql",
            padded[:, :, p : p + rows, q : q + columns],
            window[:, p, q],
        )
        for p in range(size)
        for q in range(size)
    )
