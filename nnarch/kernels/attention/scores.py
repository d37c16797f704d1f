"""Attention inside a step of `deferred_scan`: its products by name, and what a step reads."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.attention.memory import Memory, masked_softmax
from nnarch.kernels.attention.parameters import AdditiveParams, ScoreParams
from nnarch.kernels.deferred import Multiply

PRODUCTS = {"keys": "ba,bsa->bs", "values": "bs,bsv->bv", "w_query": "bq,qa->ba"}


def weights(params: ScoreParams, memory: Memory) -> dict[str, Array]:
    """What a step multiplies by: their gradients are products after the loop."""
    if isinstance(params, AdditiveParams):
        return {"w_query": params.w_query, "values": memory.values}
    return {"keys": memory.keys, "values": memory.values}


def constants(params: ScoreParams, memory: Memory) -> dict[str, Array]:
    """What a step reads. Of v there is one a row, so that its gradient is no sum over the batch."""
    if not isinstance(params, AdditiveParams):
        return {}
    exact = memory.keys.dtype
    rows = jnp.broadcast_to(params.v.astype(exact), (memory.keys.shape[0], len(params.v)))
    return {"keys": memory.keys, "v": rows}


def attend(multiply: Multiply, read: dict[str, Any], valid: Array, query: Array):
    """One query a row [B, Q] -> the context [B, V] and the weights [B, S]."""
    if "keys" in read:
        hidden = jnp.tanh(multiply("w_query", query)[:, None] + read["keys"])
        scores = jnp.sum(hidden * read["v"][:, None], axis=-1)
    else:
        scores = multiply("keys", query)
    shares = masked_softmax(scores, valid)
    return multiply("values", shares), shares
