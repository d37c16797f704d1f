"""PyraMiD-LSTM and its peer over volumes: shapes, what a voxel sees, size, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32_DEEP

from nnarch.models.pyramid_lstm import PyramidLSTM, PyramidLSTMConfig
from nnarch.models.unet import UNet, UNetConfig

PYRAMID = PyramidLSTMConfig(hidden=(3, 2), dense=4)
SHAPE = (2, 4, 8, 4)


def pyramid_lstm(config=PYRAMID):
    return PyramidLSTM(config, classes=4, key=jax.random.key(0))


def unet(**options):
    return UNet(UNetConfig(**({"widths": (3, 4)} | options)), classes=4, key=jax.random.key(0))


def volumes(seed=1):
    return jax.random.normal(jax.random.key(seed), SHAPE)


NETS = [pyramid_lstm, unet, lambda: unet(norm="instance")]
every_net = pytest.mark.parametrize("make", NETS, ids=["pyramid", "unet", "instance"])


@every_net
def test_every_voxel_has_scores_and_gradients_reach_every_parameter(make):
    model = make()
    graph, params, other = nnx.split(model, nnx.Param, ...)

    def total(params):
        logits = nnx.merge(graph, params, other, copy=True)(volumes())
        return jnp.sum(jnp.square(logits)), logits

    gradients, logits = jax.grad(total, has_aux=True)(params)
    assert logits.shape == (*SHAPE, 4)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))


def test_a_corner_hears_of_the_opposite_one():
    """Two layers carry across any volume; nothing else of the net looks beside a voxel."""
    model, xs = pyramid_lstm(), volumes()
    for layer in model.layers:  # which begin with states that are handed on straight ahead
        layer.w_h[...] = layer.w_h[...] + 0.2
    before, after = model(xs), model(xs.at[0, 0, 0, 0].add(1))
    assert np.abs(before - after)[0, -1, -1, -1].max() > 0
    np.testing.assert_array_equal(before[1], after[1])


def test_by_default_both_nets_have_about_as_many_parameters():
    def count(make, config):
        model = nnx.eval_shape(lambda: make(config, classes=4, key=jax.random.key(0)))
        return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))

    pyramid, peer = count(PyramidLSTM, PyramidLSTMConfig()), count(UNet, UNetConfig())
    assert abs(pyramid - peer) / pyramid < 0.08


def test_bfloat16_parameters_compute_in_bfloat16():
    for make in NETS[:2]:
        model = make()
        graph, params, other = nnx.split(model, nnx.Param, ...)
        rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        assert nnx.merge(graph, rounded, other)(volumes()).dtype == jnp.bfloat16


def test_a_unet_evaluates_each_volume_alone():
    model = unet()
    for _ in range(3):
        model(volumes())
    model.eval()
    both = model(volumes())
    np.testing.assert_allclose(model(volumes()[:1]), both[:1], **FLOAT32_DEEP)


def test_sides_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match=r"multiples of 2.*Pad the volume"):
        unet()(jnp.zeros((1, 4, 5, 4)))
