"""Deep Speech in small: rows do not depend on their padding or their neighbours."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32_DEEP

from nnarch.kernels import ctc_loss
from nnarch.models.deep_speech import DeepSpeech, DeepSpeechConfig, frames_after

SMALL = DeepSpeechConfig(channels=4, hidden=6, layers=2, dropout=0.3)
LENGTHS = jnp.array([21, 13, 4])
SPECTROGRAMS = jax.random.normal(jax.random.key(0), (3, 21, 10))


@pytest.fixture(params=["lstm", "gru"])
def model(request):
    config = replace(SMALL, cell=request.param)
    return DeepSpeech(config, mels=10, classes=5, key=jax.random.key(1))


def test_a_row_is_the_same_alone(model):
    logits, lengths = model(SPECTROGRAMS, LENGTHS)
    np.testing.assert_array_equal(lengths, frames_after(LENGTHS))
    for row, (length, frames) in enumerate(zip(LENGTHS, lengths, strict=True)):
        alone, _ = model(SPECTROGRAMS[row : row + 1, :length], jnp.array([length]))
        np.testing.assert_allclose(logits[row, :frames], alone[0], **FLOAT32_DEEP)


def test_padding_changes_nothing(model):
    padding = jnp.arange(21)[:, None] >= LENGTHS[:, None, None]
    logits, lengths = model(SPECTROGRAMS, LENGTHS)
    other, _ = model(jnp.where(padding, jnp.nan, SPECTROGRAMS), LENGTHS)
    for row, frames in enumerate(np.asarray(lengths)):
        np.testing.assert_array_equal(logits[row, :frames], other[row, :frames])


def test_every_parameter_gets_a_finite_gradient_through_ctc(model):
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    labels, label_lengths = jnp.array([[1, 2], [3, 0], [4, 0]]), jnp.array([2, 1, 1])

    def loss(params):
        model = nnx.merge(graph, params, rest)
        logits, lengths = model(SPECTROGRAMS, LENGTHS, key=jax.random.key(2))
        return jnp.sum(ctc_loss(logits, lengths, labels, label_lengths))

    for path, gradient in jax.tree.leaves_with_path(jax.grad(loss)(params)):
        assert np.isfinite(gradient).all(), path
        assert np.any(gradient != 0), path


def test_dropout_needs_a_key(model):
    first = model(SPECTROGRAMS, LENGTHS, key=jax.random.key(0))[0]
    assert not np.array_equal(first, model(SPECTROGRAMS, LENGTHS)[0])
    again = model(SPECTROGRAMS, LENGTHS, key=jax.random.key(0))[0]
    np.testing.assert_array_equal(first, again)


def test_frames_after_is_what_the_strides_leave():
    assert [frames_after(n) for n in (0, 1, 4, 5, 8, 9)] == [0, 1, 1, 2, 2, 3]
