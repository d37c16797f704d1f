"""ReNet and LeNet as classifiers: sizes, rows on their own, gradients, dropout."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import BFLOAT16_DEEP, FLOAT32_DEEP

from nnarch.models.lenet import LeNet, LeNetConfig
from nnarch.models.renet import ReNetClassifier, ReNetConfig

RENET = ReNetConfig(hidden=5, dense=(7,), patches=(2, 2), dropout=0.3)
LENET = LeNetConfig(channels=(4, 6), dense=(7,), dropout=0.3)
PICTURES = jax.random.uniform(jax.random.key(0), (4, 9, 10, 1))
MODELS = {
    "renet": (ReNetClassifier, RENET),
    "plain renet of grus": (ReNetClassifier, replace(RENET, cell="gru", normalise=False)),
    "lenet": (LeNet, LENET),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """In evaluation mode."""
    kind, config = MODELS[request.param]
    model = kind(config, picture=(9, 10, 1), classes=3, key=jax.random.key(1))
    model.eval()
    return model


def parameters(model):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def test_a_picture_is_told_alone_as_among_others(model):
    logits = model(PICTURES)
    assert logits.shape == (4, 3)
    np.testing.assert_allclose(model(PICTURES[2:3])[0], logits[2], **FLOAT32_DEEP)


def test_every_parameter_gets_a_finite_gradient(model):
    graph, params, statistics = nnx.split(model, nnx.Param, ...)

    def loss(params):
        trained = nnx.merge(graph, params, statistics, copy=True)
        trained.train()
        logits = trained(PICTURES, key=jax.random.key(2))
        return jnp.sum(jax.nn.log_softmax(logits)[jnp.arange(4), jnp.array([0, 1, 2, 0])])

    for path, gradient in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.isfinite(gradient).all(), path
        assert np.any(gradient != 0), path


def test_dropout_needs_a_key(model):
    first = model(PICTURES, key=jax.random.key(0))
    assert not np.array_equal(first, model(PICTURES))
    np.testing.assert_array_equal(first, model(PICTURES, key=jax.random.key(0)))


def test_the_layers_are_of_the_sizes_that_the_configuration_names():
    """Sides of 9 and 10 become 5 and 5, then 3 and 3."""
    renet = ReNetClassifier(RENET, picture=(9, 10, 1), classes=3, key=jax.random.key(0))
    lstm = lambda inputs: 4 * 5 * (inputs + 5 + 1)  # noqa: E731
    sweeps = 2 * (lstm(4) + lstm(10)) + 2 * (lstm(40) + lstm(10))
    dense = 7 * (3 * 3 * 10 + 1) + 3 * (7 + 1)
    assert parameters(renet) == sweeps + 2 * 20 + dense
    lenet = LeNet(LENET, picture=(9, 10, 1), classes=3, key=jax.random.key(0))
    convolutions = 25 * 4 + 2 * 4 + 25 * 4 * 6 + 2 * 6
    assert parameters(lenet) == convolutions + 7 * (3 * 3 * 6 + 1) + 3 * (7 + 1)


def test_the_dtype_of_the_parameters_is_the_one_that_is_computed_in(model):
    """Pictures are float32 however a run is asked to compute: casting them is the model's part."""
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    rounded = nnx.merge(graph, jax.tree.map(lambda p: p.astype(jnp.bfloat16), params), rest)
    logits = rounded(PICTURES)
    assert logits.dtype == jnp.bfloat16
    np.testing.assert_allclose(logits.astype(jnp.float32), model(PICTURES), **BFLOAT16_DEEP)
