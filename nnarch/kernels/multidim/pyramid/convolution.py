"""Convolutions of planes, and their transposes.

Planes are [N, P, Q, channels], windows [S, S, inputs, outputs]; beyond a plane stand zeros.
Operands are rounded to the dtype of the input; sums are float32 (float64 if that is).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.varying import varying_as


def convolve(planes: Array, window: Array, operand: jnp.dtype) -> Array:
    """[..., P, Q, K] with [S, S, K, L] -> [..., P, Q, L]."""
    flat = planes.reshape(-1, *planes.shape[-3:]).astype(operand)
    out = _convolve(flat, window.astype(operand), accumulator(operand))
    return out.reshape(*planes.shape[:-1], window.shape[-1])


def pull(gradients: Array, window: Array, operand: jnp.dtype) -> Array:
    """The gradient of planes through `convolve`: [..., P, Q, L] -> [..., P, Q, K]."""
    turned = jnp.flip(window, (0, 1)).swapaxes(2, 3)
    return convolve(gradients, turned, operand)


def outer(planes: Array, gradients: Array, size: int, operand: jnp.dtype) -> Array:
    """The gradient of a window, over all planes at once: [S, S, K, L].

    It is itself a convolution: of planes, whose channels are its batch and whose batch its
    channels, with the gradients as windows as large as a plane.
    """
    exact = accumulator(operand)
    # What is rounded is widened again: JAX gives a transpose's result the dtype of its operands.
    flat, gradients = (
        array.reshape(-1, *array.shape[-3:]).astype(operand).astype(exact)
        for array in (planes, gradients)
    )
    shape = (size, size, flat.shape[-1], gradients.shape[-1])
    like = varying_as(flat, jnp.zeros(shape, exact))
    (window,) = jax.linear_transpose(partial(_convolve, flat, exact=exact), like)(gradients)
    return window


def _convolve(planes: Array, window: Array, exact: jnp.dtype) -> Array:
    return lax.conv_general_dilated(
        planes,
        window,
        window_strides=(1, 1),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        preferred_element_type=exact,
    )
