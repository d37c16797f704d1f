"""Convolutions over volumes, channels last."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jax.nn.initializers import he_normal


class VolumeConvolution(nnx.Module):
    """A convolution without bias that leaves a volume's size as it is; beyond it stand zeros.

    Parameter: kernel [size, size, size, inputs, outputs], He normal.
    """

    def __init__(self, inputs: int, outputs: int, *, key: Array, size: int = 3):
        self.kernel = nnx.Param(he_normal()(key, (size,) * 3 + (inputs, outputs), jnp.float32))

    def __call__(self, xs: Array) -> Array:
        """Maps xs [B, Z, Y, X, inputs] to [B, Z, Y, X, outputs]."""
        kernel = self.kernel[...]
        return lax.conv_general_dilated(
            xs.astype(kernel.dtype),
            kernel,
            window_strides=(1, 1, 1),
            padding="SAME",
            dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        )


class InstanceNorm(nnx.Module):
    """Normalisation of each channel of each volume over its voxels; moments are float32.

    Parameters: scale, bias [features]. Source: Ulyanov et al. 2016, arXiv 1607.08022.
    """

    def __init__(self, features: int, *, epsilon: float = 1e-5):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.epsilon = epsilon

    def __call__(self, xs: Array) -> Array:
        """Normalises xs [B, ..., features]; the dtype stays."""
        axes = tuple(range(1, xs.ndim - 1))
        exact = xs.astype(jnp.float32)
        mean = jnp.mean(exact, axes, keepdims=True)
        variance = jnp.mean(jnp.square(exact - mean), axes, keepdims=True)
        factor = lax.rsqrt(variance + self.epsilon) * self.scale[...].astype(jnp.float32)
        return ((exact - mean) * factor + self.bias[...].astype(jnp.float32)).astype(xs.dtype)


def halved(xs: Array) -> Array:
    """The largest of each 2x2x2 voxels: [B, 2Z, 2Y, 2X, C] -> [B, Z, Y, X, C]."""
    window = (1, 2, 2, 2, 1)
    return lax.reduce_window(xs, -jnp.inf, lax.max, window, window, "VALID")


def doubled(xs: Array) -> Array:
    """Each voxel as 2x2x2: [B, Z, Y, X, C] -> [B, 2Z, 2Y, 2X, C]."""
    batch, *shape, channels = xs.shape
    z, y, x = shape
    spread = jnp.broadcast_to(xs[:, :, None, :, None, :, None], (batch, z, 2, y, 2, x, 2, channels))
    return spread.reshape(batch, 2 * z, 2 * y, 2 * x, channels)


class VolumeBlock(nnx.Module):
    """Convolution, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, norm: type[nnx.Module], key: Array):
        self.convolution = VolumeConvolution(inputs, outputs, key=key)
        self.norm = norm(outputs)

    def __call__(self, xs: Array) -> Array:
        """Maps xs [B, Z, Y, X, inputs] to [B, Z, Y, X, outputs]."""
        return jax.nn.relu(self.norm(self.convolution(xs)))
