"""Decoders give what their kernels give, whatever they are made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.nn import BahdanauDecoder, LuongDecoder

KEY = jax.random.key(0)
XS = jax.random.normal(jax.random.key(1), (3, 4, 2))
VALUES = jax.random.normal(jax.random.key(2), (3, 5, 6))
LENGTHS, PLACES = jnp.array([4, 2, 0]), jnp.array([5, 1, 3])
SIZES = 2, 6, 6, 3  # of inputs, values, units, and what is said or compared

DECODERS = {
    LuongDecoder: (kernels.init_luong_decoder, kernels.luong_decoder),
    BahdanauDecoder: (kernels.init_bahdanau_decoder, kernels.bahdanau_decoder),
}

every_decoder = pytest.mark.parametrize("decoder", DECODERS)
every_score = pytest.mark.parametrize("score", ["dot", "general", "additive"])
every_cell = pytest.mark.parametrize(
    ("cell", "reset"), [("lstm", "after"), ("gru", "after"), ("gru", "before")]
)


@every_decoder
@every_score
@every_cell
def test_a_decoder_is_its_kernel(decoder, score, cell, reset):
    init, kernel = DECODERS[decoder]
    params = init(KEY, *SIZES, cell=cell, score=score)
    memory = kernels.attention_memory(params.score, VALUES, lengths=PLACES)
    expected = kernel(params, XS, memory, lengths=LENGTHS, reset=reset)
    module = decoder(*SIZES, key=KEY, cell=cell, score=score, reset=reset)
    graph, state = nnx.split(module)
    module = nnx.merge(graph, state)
    found = module(XS, module.memory(VALUES, lengths=PLACES), lengths=LENGTHS)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert len(jax.tree.leaves(state)) == len(jax.tree.leaves(params))


@every_decoder
def test_a_decoder_takes_the_state_it_gave(decoder):
    module = decoder(*SIZES, key=KEY)
    memory = module.memory(VALUES, lengths=PLACES)
    whole, final = module(XS, memory)
    first, state = module(XS[:, :2], memory)
    second, last = module(XS[:, 2:], memory, state)
    ys = jnp.concatenate([first.ys, second.ys], axis=1)
    np.testing.assert_allclose(ys, whole.ys, **FLOAT32)
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, **FLOAT32), last, final)
