"""Show and Tell: stepwise equals whole, and where the picture comes in."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32_DEEP

from nnarch.kernels.search import beam_search
from nnarch.models.show_and_tell import ShowAndTell, ShowAndTellConfig

SMALL = ShowAndTellConfig(hidden=12, embedding=8, widths=(4, 6), strides=(4, 2), dropout=0.3)
START, END, WORDS = 1, 2, 11
PICTURES = jax.random.uniform(jax.random.key(0), (3, 10, 10, 3))
TOKENS = jnp.array([[5, 6, 7, END], [4, END, 0, 0], [END, 0, 0, 0]])
LENGTHS = jnp.array([4, 2, 1])


@pytest.fixture(params=["once", "every_step"])
def config(request):
    return replace(SMALL, picture_input=request.param)


@pytest.fixture(params=["graph", "tree"])
def nnx_mode(request):
    with nnx.set_graph_mode(request.param == "graph"):
        yield request.param


def create(config):
    model = ShowAndTell(
        config, vocabulary=WORDS, picture_size=10, start=START, key=jax.random.key(1)
    )
    model.eval()
    return model


@pytest.mark.parametrize("output", ["separate", "tied"])
@pytest.mark.parametrize("block", ["plain", "residual"])
def test_step_by_step_is_the_whole(config, output, block):
    model = create(replace(config, output=output, block=block))
    whole = model(PICTURES, TOKENS, LENGTHS)
    state, last = model.begin(PICTURES), jnp.full(3, START)
    for t in range(TOKENS.shape[1]):
        logits, state = model.step(state, last)
        last = TOKENS[:, t]
        valid = t < np.asarray(LENGTHS)
        np.testing.assert_allclose(logits[valid], whole[valid, t], **FLOAT32_DEEP)


def test_padding_changes_nothing(config):
    model = create(config)
    other = jnp.where(jnp.arange(4) < LENGTHS[:, None], TOKENS, 9)
    got, expected = model(PICTURES, other, LENGTHS), model(PICTURES, TOKENS, LENGTHS)
    for row, length in enumerate(np.asarray(LENGTHS)):
        np.testing.assert_array_equal(got[row, :length], expected[row, :length])


def test_the_picture_is_seen_by_every_word(config):
    model = create(config)
    difference = model(PICTURES, TOKENS, LENGTHS) - model(PICTURES[::-1], TOKENS, LENGTHS)
    assert np.all(np.abs(difference[0]).max(axis=-1) > 0)


def test_once_feeds_the_picture_before_the_first_word_and_never_again():
    model = create(replace(SMALL, picture_input="once"))
    state = model.begin(PICTURES)
    logits, _ = model.step(state, jnp.full(3, START))
    blind, _ = model.step(state._replace(picture=jnp.zeros_like(state.picture)), jnp.full(3, START))
    np.testing.assert_array_equal(logits, blind)
    assert np.any(state.lstm.h != 0)


def test_dropout_is_decided_by_the_key(config):
    model = create(config)
    runs = [model(PICTURES, TOKENS, LENGTHS, key=jax.random.key(n)) for n in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.any(runs[0] != runs[2])


def test_every_parameter_is_trained(config, nnx_mode):
    model = create(config)
    model.train()
    graph, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)

    def loss(params):
        logits = nnx.merge(graph, params, statistics, copy=True)(PICTURES, TOKENS, LENGTHS)
        return jnp.sum(jax.nn.log_softmax(logits)[jnp.arange(3), LENGTHS - 1, 3])

    for path, leaf in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.any(leaf != 0), path


def test_computes_in_the_dtype_of_its_parameters(config):
    graph, params, statistics = nnx.split(create(config), nnx.Param, nnx.BatchStat)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    logits = nnx.merge(graph, half, statistics)(PICTURES, TOKENS, LENGTHS)
    assert logits.dtype == jnp.bfloat16
    assert np.isfinite(np.asarray(logits, np.float32)[0]).all()


def test_its_step_is_what_beam_search_takes(config):
    model = create(config)

    @jax.jit
    def captions(pictures):
        return beam_search(
            model.step, model.begin(pictures), start=START, end=END, max_length=6, beam=3, best=2
        )

    found = captions(PICTURES)
    assert found.tokens.shape == (3, 2, 6)
    scores = np.asarray(model(PICTURES, found.tokens[:, 0], found.lengths[:, 0]), np.float64)
    log_probs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    for row in range(3):
        length, tokens = int(found.lengths[row, 0]), np.asarray(found.tokens[row, 0])
        total = log_probs[row, np.arange(length), tokens[:length]].sum()
        np.testing.assert_allclose(found.log_probs[row, 0], total, **FLOAT32_DEEP)
