"""Linear, dropout, embedding, convolution and batch normalisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch.nn import CNN, BatchNorm, Convolution, Embedding, Linear, ResidualBlock, dropout

KEY = jax.random.key(0)


def test_linear_is_affine_over_the_last_axis():
    layer = Linear(3, 2, key=KEY)
    layer.b[...] = jnp.array([1.0, -1.0])
    xs = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    expected = xs @ np.asarray(layer.w[...]) + [1, -1]
    np.testing.assert_allclose(layer(xs), expected, **FLOAT32)


def test_the_parameters_dtype_is_the_dtype_of_computing():
    graph, params = nnx.split(Linear(3, 2, key=KEY))
    layer = nnx.merge(graph, jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params))
    assert layer(jnp.ones((1, 3))).dtype == jnp.bfloat16


def test_dropout_keeps_the_mean_and_scales_what_it_keeps():
    ys = dropout(jnp.ones(20_000), KEY, 0.25)
    assert set(np.unique(ys)) == {0, np.float32(1 / 0.75)}
    assert abs(np.mean(ys) - 1) < 0.02


def test_dropout_without_key_or_rate_changes_nothing():
    xs = jnp.arange(4.0)
    assert dropout(xs, None, 0.5) is xs
    assert dropout(xs, KEY, 0.0) is xs


def test_dropout_shares_its_mask_along_an_axis():
    ys = np.asarray(dropout(jnp.ones((2, 50, 8)), KEY, 0.5, shared_axes=(1,)))
    assert np.all(ys == ys[:, :1])


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_refuses_a_rate_out_of_range(rate):
    with pytest.raises(ValueError, match="from 0 to below 1"):
        dropout(jnp.ones(3), KEY, rate)


def test_embedding_looks_up_and_scores_with_one_table():
    words = Embedding(5, 3, key=KEY)
    table = np.asarray(words.table[...])
    np.testing.assert_array_equal(words(jnp.array([[4, 0]])), table[[[4, 0]]])
    xs = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(words.logits(xs), xs @ table.T, **FLOAT32)


def test_a_tied_table_gets_the_gradient_of_both_uses():
    graph, params = nnx.split(Embedding(5, 3, key=KEY))

    def loss(params, *, lookup, score):
        words = nnx.merge(graph, params)
        vector = words(jnp.array([1]))
        vector = vector if lookup else jax.lax.stop_gradient(vector)
        scores = words.logits(vector) if score else vector @ jnp.ones((3, 5))
        return jnp.sum(scores**2)

    table = jax.grad(loss)(params, lookup=True, score=True)["table"][...]
    assert np.all(np.any(np.asarray(table) != 0, axis=1))


def test_convolution_is_the_sum_over_a_window():
    layer = Convolution(1, 1, key=KEY, stride=2)
    layer.kernel[...] = jnp.ones((3, 3, 1, 1))
    picture = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)
    padded = np.pad(picture[0, :, :, 0], 1)
    expected = [[padded[y : y + 3, x : x + 3].sum() for x in (0, 2, 4)] for y in (0, 2, 4)]
    np.testing.assert_allclose(layer(picture)[0, :, :, 0], expected, **FLOAT32)


def test_batch_norm_normalises_by_the_batch_and_remembers():
    norm = BatchNorm(2, momentum=0.9)
    xs = np.random.default_rng(0).normal(3, 2, (64, 4, 2)).astype(np.float32)
    ys = np.asarray(norm(xs))
    np.testing.assert_allclose(ys.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(ys.std((0, 1)), 1, rtol=1e-4)
    np.testing.assert_allclose(norm.mean[...], 0.1 * xs.mean((0, 1)), **FLOAT32)
    np.testing.assert_allclose(norm.variance[...], 0.9 + 0.1 * xs.var((0, 1)), rtol=1e-4)


def test_batch_norm_uses_what_it_remembers_in_evaluation():
    norm = BatchNorm(2)
    norm.mean[...], norm.variance[...] = jnp.array([1.0, 2.0]), jnp.array([4.0, 9.0])
    norm.eval()
    xs = jnp.array([[3.0, 5.0]])
    np.testing.assert_allclose(norm(xs), [[1, 1]], rtol=1e-5)
    np.testing.assert_array_equal(norm.mean[...], [1, 2])
    norm.train()
    assert not norm.use_running_average


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_a_cnn_divides_each_side_by_its_strides(block):
    pictures = jnp.ones((2, 20, 12, 3))
    assert CNN(3, (4, 6, 8), key=KEY, block=block)(pictures).shape == (2, 3, 2, 8)
    assert CNN(3, (4, 6), strides=(4, 2), key=KEY, block=block)(pictures).shape == (2, 3, 2, 6)


def test_a_cnn_trains_inside_jit_and_hands_its_statistics_out():
    network = CNN(3, (4, 6), key=KEY, block="residual")
    graph, params, statistics = nnx.split(network, nnx.Param, nnx.BatchStat)
    pictures = jax.random.normal(KEY, (4, 8, 8, 3))

    @jax.jit
    def gradient(params, statistics):
        def loss(params):
            model = nnx.merge(graph, params, statistics, copy=True)
            return jnp.sum(model(pictures) ** 2), nnx.state(model, nnx.BatchStat)

        return jax.grad(loss, has_aux=True)(params)

    gradients, after = gradient(params, statistics)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    changed = jax.tree.map(lambda a, b: np.any(a != b), statistics, after)
    assert all(jax.tree.leaves(changed))


def test_a_residual_block_without_its_branch_is_its_shortcut():
    block = ResidualBlock(2, 3, key=KEY)
    block.norm.scale[...] = jnp.zeros(3)
    xs = jax.random.normal(KEY, (1, 4, 4, 2))
    expected = jax.nn.relu(block.shortcut_norm(block.shortcut(xs)))
    np.testing.assert_allclose(block(xs), expected, **FLOAT32)


def test_what_a_cnn_cannot_be_is_named():
    with pytest.raises(ValueError, match="plain, residual; got 'dense'"):
        CNN(3, (4,), key=KEY, block="dense")
    with pytest.raises(ValueError, match="2 widths and 1 strides"):
        CNN(3, (4, 6), strides=(2,), key=KEY)
