"""One space for pictures and words: unit length, padding, dropout, and that all is trained."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32, FLOAT32_DEEP

from nnarch.losses import ranking_loss
from nnarch.models.visual_semantic import VisualSemantic, VisualSemanticConfig, unit

SMALL = VisualSemanticConfig(features=12, embedding=8, widths=(4, 6), strides=(4, 2), dropout=0.3)
PICTURES = jax.random.uniform(jax.random.key(0), (3, 10, 10, 3))
TOKENS = jnp.array([[5, 6, 7, 2], [4, 2, 0, 0], [2, 0, 0, 0]])
LENGTHS = jnp.array([4, 2, 1])


@pytest.fixture(params=["lstm", "sum"])
def config(request):
    return replace(SMALL, text=request.param)


def create(config):
    model = VisualSemantic(config, vocabulary=11, picture_size=10, key=jax.random.key(1))
    model.eval()
    return model


def test_pictures_and_texts_lie_on_one_sphere(config):
    model = create(config)
    for vectors in (model.pictures(PICTURES), model.texts(TOKENS, LENGTHS)):
        assert vectors.shape == (3, 12)
        assert vectors.dtype == jnp.float32
        np.testing.assert_allclose(jnp.linalg.norm(vectors, axis=1), 1, **FLOAT32)


def test_padding_changes_nothing(config):
    model = create(config)
    other = jnp.where(jnp.arange(4) < LENGTHS[:, None], TOKENS, 9)
    np.testing.assert_array_equal(model.texts(other, LENGTHS), model.texts(TOKENS, LENGTHS))


def test_a_text_is_placed_by_itself(config):
    model = create(config)
    whole, alone = model.texts(TOKENS, LENGTHS), model.texts(TOKENS[1:2, :2], LENGTHS[1:2])
    np.testing.assert_allclose(alone[0], whole[1], **FLOAT32_DEEP)


def test_the_order_of_words_is_read_by_the_lstm_alone(config):
    model = create(config)
    turned = model.texts(TOKENS[:1, ::-1], LENGTHS[:1]) - model.texts(TOKENS[:1], LENGTHS[:1])
    assert (jnp.abs(turned).max() > 1e-3) == (config.text == "lstm")


def test_nothing_has_no_direction_and_no_nan():
    np.testing.assert_array_equal(unit(jnp.zeros((2, 3))), 0)
    gradient = jax.grad(lambda x: unit(x).sum())(jnp.zeros(3))
    assert np.isfinite(gradient).all()


def test_dropout_is_decided_by_the_key(config):
    model = create(config)
    for place in (lambda key: model.pictures(PICTURES, key=key), lambda key: _texts(model, key)):
        runs = [place(jax.random.key(number)) for number in (1, 1, 2)]
        np.testing.assert_array_equal(runs[0], runs[1])
        assert np.any(runs[0] != runs[2])


def _texts(model, key):
    return model.texts(TOKENS, LENGTHS, key=key)


def test_every_parameter_is_trained(config):
    model = create(config)
    model.train()
    graph, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)

    def loss(params):
        model = nnx.merge(graph, params, statistics, copy=True)
        vectors = model.pictures(PICTURES), model.texts(TOKENS, LENGTHS)
        return ranking_loss(*vectors, jnp.eye(3, dtype=bool), margin=2.0).total

    for path, leaf in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.any(leaf != 0), path


def test_computes_in_the_dtype_of_its_parameters(config):
    graph, params, statistics = nnx.split(create(config), nnx.Param, nnx.BatchStat)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    model = nnx.merge(graph, half, statistics)
    whole = create(config)
    for got, expected in (
        (model.pictures(PICTURES.astype(jnp.bfloat16)), whole.pictures(PICTURES)),
        (model.texts(TOKENS, LENGTHS), whole.texts(TOKENS, LENGTHS)),
    ):
        assert got.dtype == jnp.float32
        assert np.all(np.sum(got * expected, axis=1) > 0.99)
