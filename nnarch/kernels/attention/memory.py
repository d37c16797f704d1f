"""What is attended to, made ready once: a decoder asks it at every step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.attention.parameters import AdditiveParams, GeneralParams, ScoreParams
from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.lengths import valid_steps
from nnarch.kernels.rounded import rounded_einsum


class Memory(NamedTuple):
    """Keys as queries meet them, and values; zero past a row's length."""

    keys: Array  # [B, S, A]
    values: Array  # [B, S, V]
    valid: Array  # bool [B, S]


@jax.jit
def remember(params: ScoreParams, values: Array, keys: Array, lengths: Array | None) -> Memory:
    """Values [B, S, V], keys [B, S, K] and lengths int32 [B], checked -> a memory."""
    valid = jnp.ones(values.shape[:2], bool)
    if lengths is not None:
        valid = valid_steps(jnp.asarray(lengths), values.shape[1])
    # Padding may hold NaN, and NaN * 0 is NaN.
    keys, values = (jnp.where(valid[..., None], a, 0) for a in (keys, values))
    return Memory(_projected(params, keys), values, valid)


def _projected(params: ScoreParams, keys: Array) -> Array:
    if isinstance(params, GeneralParams):  # q . (w k): q meets w k
        product = rounded_einsum("bsk,qk->bsq", keys, params.w, keys.dtype)
        return product.astype(keys.dtype)
    if isinstance(params, AdditiveParams):
        return rounded_einsum("bsk,ka->bsa", keys, params.w_key, keys.dtype)
    return keys


def masked_softmax(scores: Array, valid: Array) -> Array:
    """Shares [..., S] that add up to 1 over what is valid, and are exactly 0 elsewhere.

    Where nothing is valid all are 0.
    """
    highest = jnp.max(jnp.where(valid, scores, -jnp.inf), axis=-1, keepdims=True, initial=-jnp.inf)
    highest = lax.stop_gradient(jnp.where(jnp.isfinite(highest), highest, 0))
    powers = jnp.where(valid, jnp.exp(jnp.where(valid, scores - highest, 0)), 0)
    total = jnp.sum(powers, axis=-1, keepdims=True)
    return powers / jnp.where(total > 0, total, 1)


@jax.jit
def attend_at_once(params: ScoreParams, queries: Array, memory: Memory) -> tuple[Array, Array]:
    """Queries [B, T, Q] -> contexts [B, T, V] and shares [B, T, S]."""
    exact = accumulator(queries.dtype)
    shares = masked_softmax(_scores(params, queries, memory.keys, exact), memory.valid[:, None])
    contexts = rounded_einsum("bts,bsv->btv", shares, memory.values, queries.dtype)
    return contexts.astype(queries.dtype), shares


def _scores(params: ScoreParams, queries: Array, keys: Array, exact: jnp.dtype) -> Array:
    """[B, T, S]."""
    if not isinstance(params, AdditiveParams):
        return rounded_einsum("bta,bsa->bts", queries, keys, queries.dtype)
    asked = rounded_einsum("btq,qa->bta", queries, params.w_query, queries.dtype)
    hidden = jnp.tanh(asked[:, :, None] + keys[:, None].astype(exact))
    return jnp.sum(hidden * params.v.astype(exact), axis=-1)
