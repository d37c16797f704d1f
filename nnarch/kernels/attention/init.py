"""How decoders that attend are drawn."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.attention.decoders import BahdanauParams, LuongParams
from nnarch.kernels.attention.parameters import (
    DotParams,
    ScoreParams,
    init_additive,
    init_general,
)
from nnarch.kernels.cells import init_gru, init_lstm
from nnarch.kernels.check_params import check_sizes_drawn

CELLS = {"lstm": init_lstm, "gru": init_gru}


def init_luong_decoder(
    key: Array,
    input_size: int,
    memory_size: int,
    hidden_size: int,
    output_size: int,
    *,
    cell: Literal["lstm", "gru"] = "lstm",
    score: Literal["dot", "general", "additive"] = "general",
    dtype: jnp.dtype = jnp.float32,
) -> LuongParams:
    """Draws a cell of input_size + output_size inputs, a score of its states and of keys of
    memory_size, and w_out [memory_size + hidden_size, output_size], Glorot uniform, b_out zeros.
    """
    check_sizes_drawn(input_size=input_size, memory_size=memory_size)
    check_sizes_drawn(hidden_size=hidden_size, output_size=output_size)
    for_cell, for_score, for_out = jax.random.split(key, 3)
    shape = (memory_size + hidden_size, output_size)
    return LuongParams(
        _init_cell(cell)(for_cell, input_size + output_size, hidden_size, dtype=dtype),
        init_score(for_score, score, hidden_size, memory_size, hidden_size, dtype=dtype),
        jax.nn.initializers.glorot_uniform()(for_out, shape, dtype),
        jnp.zeros(output_size, dtype),
    )


def init_bahdanau_decoder(
    key: Array,
    input_size: int,
    memory_size: int,
    hidden_size: int,
    attention_size: int,
    *,
    cell: Literal["lstm", "gru"] = "lstm",
    score: Literal["dot", "general", "additive"] = "additive",
    dtype: jnp.dtype = jnp.float32,
) -> BahdanauParams:
    """Draws a cell of input_size + memory_size inputs, and a score of its states and of keys of
    memory_size through attention_size units.
    """
    check_sizes_drawn(input_size=input_size, memory_size=memory_size)
    check_sizes_drawn(hidden_size=hidden_size, attention_size=attention_size)
    for_cell, for_score = jax.random.split(key)
    return BahdanauParams(
        _init_cell(cell)(for_cell, input_size + memory_size, hidden_size, dtype=dtype),
        init_score(for_score, score, hidden_size, memory_size, attention_size, dtype=dtype),
    )


def _init_cell(cell: str) -> Callable:
    if cell not in CELLS:
        raise ValueError(f"a decoder's cell is one of {', '.join(CELLS)}; got {cell!r}.")
    return CELLS[cell]


def init_score(
    key: Array,
    score: Literal["dot", "general", "additive"],
    query_size: int,
    key_size: int,
    attention_size: int,
    *,
    dtype: jnp.dtype = jnp.float32,
) -> ScoreParams:
    """Draws the parameters of one way to score.

    Raises:
      ValueError: a dot product of two sizes, or a score that is none of these.
    """
    if score not in ("dot", "general", "additive"):
        raise ValueError(f"a score is dot, general or additive; got {score!r}.")
    if score == "general":
        return init_general(key, query_size, key_size, dtype=dtype)
    if score == "additive":
        return init_additive(key, query_size, key_size, attention_size, dtype=dtype)
    if query_size != key_size:
        raise ValueError(
            f"a dot product needs queries and keys of one size; got {query_size} and {key_size}. "
            "Choose general or additive."
        )
    return DotParams()
