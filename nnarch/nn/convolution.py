"""Convolution and batch normalisation over pictures, channels last."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jax.nn.initializers import he_normal


class Convolution(nnx.Module):
    """A convolution without bias, padded so that a side of n becomes ceil(n / stride).

    Parameter: kernel [size, size, inputs, outputs], He normal.
    """

    def __init__(self, inputs: int, outputs: int, *, key: Array, size: int = 3, stride: int = 1):
        self.kernel = nnx.Param(he_normal()(key, (size, size, inputs, outputs), jnp.float32))
        self.stride = stride

    def __call__(self, xs: Array) -> Array:
        """Maps xs [B, Y, X, inputs] to [B, ceil(Y / stride), ceil(X / stride), outputs]."""
        kernel = self.kernel[...]
        return lax.conv_general_dilated(
            xs.astype(kernel.dtype),
            kernel,
            window_strides=(self.stride, self.stride),
            padding="SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class BatchNorm(nnx.Module):
    """Batch normalisation over all axes but the last (Ioffe & Szegedy 2015).

    Statistics are float32 whatever xs is. `module.train()` and `module.eval()` choose between the
    batch's own statistics, which are then averaged into the running ones, and the running ones.

    Parameters: scale, bias [features]. State (nnx.BatchStat): mean, variance [features].
    """

    def __init__(self, features: int, *, momentum: float = 0.99, epsilon: float = 1e-5):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.variance = nnx.BatchStat(jnp.ones(features))
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average = False

    def __call__(self, xs: Array) -> Array:
        """Normalises xs [..., features]; the dtype stays."""
        if self.use_running_average:
            mean, variance = self.mean[...], self.variance[...]
        else:
            mean, variance = _moments(xs)
            self._remember(mean, variance)
        factor = lax.rsqrt(variance + self.epsilon) * self.scale[...].astype(jnp.float32)
        shift = self.bias[...].astype(jnp.float32) - mean * factor
        return (xs * factor + shift).astype(xs.dtype)

    def _remember(self, mean: Array, variance: Array) -> None:
        for running, value in ((self.mean, mean), (self.variance, variance)):
            value = lax.stop_gradient(value)
            running[...] = self.momentum * running[...] + (1 - self.momentum) * value


def _moments(xs: Array) -> tuple[Array, Array]:
    # Mean of squares less squared mean: both sums in one pass over xs. What float32 loses in the
    # difference is far below the deviation of a layer's outputs.
    xs = xs.astype(jnp.float32)
    axes = tuple(range(xs.ndim - 1))
    mean = jnp.mean(xs, axes)
    return mean, jnp.maximum(jnp.mean(xs * xs, axes) - mean * mean, 0)


class ConvolutionBlock(nnx.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, key: Array, size: int = 3, stride: int = 1):
        self.convolution = Convolution(inputs, outputs, key=key, size=size, stride=stride)
        self.norm = BatchNorm(outputs)

    def __call__(self, xs: Array) -> Array:
        """Maps xs [B, Y, X, inputs] to [B, ceil(Y / stride), ceil(X / stride), outputs]."""
        return jax.nn.relu(self.norm(self.convolution(xs)))
