"""Convolution over time and layer normalisation: rows end where their lengths say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.nn import LayerNorm, TimeConvolution
from nnarch.nn.sequence import strided

KEY = jax.random.key(0)


def spectrograms(steps):
    return jax.random.normal(jax.random.key(1), (1, steps, 6, 2))


def test_one_step_is_the_sum_over_its_window():
    layer = TimeConvolution(2, 3, key=KEY, size=(3, 3), stride=(1, 1))
    layer.b[...] = jnp.array([1.0, 2.0, 3.0])
    xs = spectrograms(7)
    ys, _ = layer(xs, jnp.array([7]))
    window = np.asarray(xs[0, 3:6, 1:4])
    expected = np.einsum("tfi,tfio->o", window, layer.kernel[...]) + np.arange(1, 4)
    np.testing.assert_allclose(ys[0, 4, 2], expected, **FLOAT32)


@pytest.mark.parametrize("length", [1, 2, 5, 8])
@pytest.mark.parametrize("padded", [8, 9, 12])
def test_padding_changes_nothing_and_lengths_are_carried_through(length, padded):
    layer = TimeConvolution(2, 3, key=KEY)
    layer.b[...] = jnp.ones(3)
    xs = spectrograms(length)
    tight, tight_lengths = layer(xs, jnp.array([length]))
    nan = jnp.full((1, padded - length, 6, 2), jnp.nan)
    loose, lengths = layer(jnp.concatenate([xs, nan], axis=1), jnp.array([length]))
    assert tight.shape[1] == int(lengths[0]) == int(tight_lengths[0]) == strided(length, 2)
    np.testing.assert_allclose(loose[:, : tight.shape[1]], tight, **FLOAT32)
    np.testing.assert_array_equal(loose[:, tight.shape[1] :], 0)


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="odd sides"):
        TimeConvolution(1, 1, key=KEY, size=(4, 3))


def test_layer_norm_gives_each_step_mean_0_and_deviation_1():
    layer = LayerNorm(50)
    ys = layer(7 + 3 * jax.random.normal(KEY, (2, 4, 50)))
    np.testing.assert_allclose(jnp.mean(ys, -1), np.zeros((2, 4)), **FLOAT32)
    np.testing.assert_allclose(jnp.std(ys, -1), np.ones((2, 4)), rtol=1e-4)
    layer.scale[...], layer.bias[...] = jnp.full(50, 2.0), jnp.full(50, -1.0)
    np.testing.assert_allclose(layer(ys), 2 * ys - 1, rtol=1e-4, atol=1e-4)


def test_layer_norm_keeps_the_dtype():
    assert LayerNorm(4)(jnp.ones((1, 4), jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.uint32])
def test_strided_lengths_are_rounded_up_whatever_counts_them(dtype):
    lengths = jnp.arange(7, dtype=dtype)
    assert strided(lengths, 3).tolist() == [0, 1, 1, 1, 2, 2, 2]
