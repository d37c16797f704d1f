"""An affine map. The dtype of its parameters is the dtype it computes in."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.nn.initializers import glorot_uniform


class Linear(nnx.Module):
    """y = x·W + b, over the last axis.

    Parameters: w [inputs, outputs], Glorot uniform; b [outputs], zeros.
    """

    def __init__(self, inputs: int, outputs: int, *, key: Array):
        self.w = nnx.Param(glorot_uniform()(key, (inputs, outputs), jnp.float32))
        self.b = nnx.Param(jnp.zeros(outputs))

    def __call__(self, xs: Array) -> Array:
        """Maps xs [..., inputs] to [..., outputs]."""
        w = self.w[...]
        # One product of two matrices: with more axes, a CPU turns arrays around for w's gradient.
        rows = xs.astype(w.dtype).reshape(-1, w.shape[0])
        return (rows @ w + self.b[...]).reshape(*xs.shape[:-1], w.shape[1])


def dropout(
    xs: Array, key: Array | None, rate: float, *, shared_axes: tuple[int, ...] = ()
) -> Array:
    """Zeroes a share `rate` of xs and scales the rest by 1 / (1 - rate).

    Args:
      xs: any shape, any float.
      key: a typed key for this call alone; None means evaluation, and xs comes back as it is.
      rate: 0 <= rate < 1.
      shared_axes: axes along which one mask serves all, as the time axis in Gal & Ghahramani 2016,
        "A theoretically grounded application of dropout in recurrent neural networks".

    Raises:
      ValueError: rate is out of range.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout takes a rate from 0 to below 1; got {rate}.")
    if key is None or rate == 0:
        return xs
    shape = [1 if axis in shared_axes else size for axis, size in enumerate(xs.shape)]
    kept = jax.random.bernoulli(key, 1 - rate, shape)
    return jnp.where(kept, xs / (1 - rate), 0)
