"""A sequence as one vector."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch import kernels
from nnarch.kernels import AdditiveParams


class AttentionPooling(nnx.Module):
    """The mean of a row's steps, weighted by a score of each: v . tanh(x w_key + w_query).

    What is asked is the same of every row, so w_query [1, attention] is a bias. Source: Yang et al.
    2016, "Hierarchical attention networks for document classification", section 2.2.

    Parameters: w_query, zeros; w_key [inputs, attention]; v [attention].
    """

    def __init__(self, inputs: int, attention: int, *, key: Array):
        params = kernels.init_additive(key, 1, inputs, attention)
        self.w_query = nnx.Param(jnp.zeros_like(params.w_query))
        self.w_key, self.v = nnx.Param(params.w_key), nnx.Param(params.v)

    def __call__(self, xs: Array, lengths: Array) -> tuple[Array, Array]:
        """Maps xs [B, T, inputs] and lengths int32 [B] to [B, inputs] and the weights [B, T].

        A row without steps has zeros.
        """
        params = AdditiveParams(self.w_query[...], self.w_key[...], self.v[...])
        memory = kernels.attention_memory(params, xs, lengths=lengths)
        asked = jnp.ones_like(xs[:, :1, :1])
        contexts, shares = kernels.attention(params, asked, memory)
        return contexts[:, 0], shares[:, 0]
