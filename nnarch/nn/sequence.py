"""Layers over sequences whose rows end at lengths of their own: padding is never read."""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jax.nn.initializers import he_normal


class TimeConvolution(nnx.Module):
    """A convolution over time and features, strided, whose output a row's padding cannot change.

    Windows are centred, and what lies outside a row is zero: T steps become ceil(T / stride).

    Parameters: kernel [time, features, inputs, outputs], He normal; b [outputs], zeros.

    Args:
      inputs: channels.
      outputs: channels.
      key: a typed key.
      size: of the window, (time, features), both odd.
      stride: (time, features).

    Raises:
      ValueError: a window of even size has no centre.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        key: Array,
        size: tuple[int, int] = (5, 5),
        stride: tuple[int, int] = (2, 2),
    ):
        if not all(side % 2 for side in size):
            raise ValueError(f"TimeConvolution expects a window of odd sides; got {size}.")
        self.kernel = nnx.Param(he_normal()(key, (*size, inputs, outputs), jnp.float32))
        self.b = nnx.Param(jnp.zeros(outputs))
        self.stride = stride

    def __call__(self, xs: Array, lengths: Array) -> tuple[Array, Array]:
        """Maps xs [B, T, F, inputs] and lengths int32 [B] to [B, ceil(T / stride), F', outputs],
        zero past a row's length, and the lengths there.
        """
        kernel = self.kernel[...]
        ys = lax.conv_general_dilated(
            masked(xs, lengths).astype(kernel.dtype),
            kernel,
            window_strides=self.stride,
            padding=[(side // 2, side // 2) for side in kernel.shape[:2]],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        lengths = strided(lengths, self.stride[0])
        return masked(ys + self.b[...], lengths), lengths


class LayerNorm(nnx.Module):
    """Normalisation of each step over its features (Ba et al. 2016); moments are float32.

    Parameters: scale, bias [features].
    """

    def __init__(self, features: int, *, epsilon: float = 1e-5):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.epsilon = epsilon

    def __call__(self, xs: Array) -> Array:
        """Normalises xs [..., features]; the dtype stays."""
        exact = xs.astype(jnp.float32)
        centred = exact - jnp.mean(exact, axis=-1, keepdims=True)
        variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
        ys = centred * lax.rsqrt(variance + self.epsilon)
        return (ys * self.scale[...] + self.bias[...]).astype(xs.dtype)


def masked(xs: Array, lengths: Array) -> Array:
    """xs [B, T, ...] with zeros past each row's length, int32 [B], whatever stood there."""
    valid = jnp.arange(xs.shape[1]) < lengths[:, None]
    return jnp.where(valid.reshape(valid.shape + (1,) * (xs.ndim - 2)), xs, 0)


def strided(lengths: Array, stride: int) -> Array:
    """How many steps are left of each row: ceil(length / stride)."""
    return (lengths + (stride - 1)) // stride  # no minus: lengths may be unsigned


def reversed_rows(xs: Array, lengths: Array) -> Array:
    """xs [B, T, ...] with the valid steps of each row, int32 [B], from the last to the first."""
    t = jnp.arange(xs.shape[1])
    order = jnp.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return jnp.take_along_axis(xs, order.reshape(order.shape + (1,) * (xs.ndim - 2)), axis=1)
