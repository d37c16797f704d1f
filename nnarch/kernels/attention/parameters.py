"""Parameters of the three ways to score a key by a query, and how they are drawn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.check_params import check_sizes_drawn


class DotParams(NamedTuple):
    """score = q . k. Source: Luong, Pham and Manning 2015, arXiv 1508.04025."""


class GeneralParams(NamedTuple):
    """score = q . (w k). Source: Luong, Pham and Manning 2015, arXiv 1508.04025."""

    w: Array  # [Q, K]


class AdditiveParams(NamedTuple):
    """score = v . tanh(q w_query + k w_key). Source: Bahdanau, Cho and Bengio 2014."""

    w_query: Array  # [Q, A]
    w_key: Array  # [K, A]
    v: Array  # [A]


ScoreParams = DotParams | GeneralParams | AdditiveParams


def init_general(
    key: Array, query_size: int, key_size: int, *, dtype: jnp.dtype = jnp.float32
) -> GeneralParams:
    """Draws w [Q, K], Glorot uniform."""
    check_sizes_drawn(query_size=query_size, key_size=key_size)
    return GeneralParams(jax.nn.initializers.glorot_uniform()(key, (query_size, key_size), dtype))


def init_additive(
    key: Array,
    query_size: int,
    key_size: int,
    hidden_size: int,
    *,
    dtype: jnp.dtype = jnp.float32,
) -> AdditiveParams:
    """Draws w_query [Q, A], w_key [K, A], Glorot uniform, and v [A], uniform within 1/sqrt(A)."""
    check_sizes_drawn(query_size=query_size, key_size=key_size, hidden_size=hidden_size)
    for_query, for_key, for_v = jax.random.split(key, 3)
    glorot = jax.nn.initializers.glorot_uniform()
    bound = hidden_size**-0.5
    return AdditiveParams(
        glorot(for_query, (query_size, hidden_size), dtype),
        glorot(for_key, (key_size, hidden_size), dtype),
        jax.random.uniform(for_v, (hidden_size,), dtype, -bound, bound),
    )
