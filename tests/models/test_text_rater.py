"""The model that rates texts: what it looks at, and what it must not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.models.text_rater import TextRater, TextRaterConfig
from nnarch.nn import AttentionPooling

PIECES, GROUP = 20, 3
CONFIG = TextRaterConfig(embedding=6, hidden=5, attention=4)
LENGTHS = np.array([5, 2, 0], np.int32)


@pytest.fixture(scope="module")
def model():
    return TextRater(CONFIG, pieces=PIECES, key=jax.random.key(0))


@pytest.fixture
def pieces():
    found = np.random.default_rng(0).integers(1, PIECES, (3, 5, GROUP)).astype(np.int32)
    found[0, :, 2] = 0
    return found


def test_padding_may_hold_anything(model, pieces):
    first = model(pieces, LENGTHS)
    spoilt = np.where(np.arange(5)[:, None] < LENGTHS[:, None, None], pieces, 10**6)
    again = model(spoilt, LENGTHS)
    np.testing.assert_allclose(again.ratings, first.ratings, **FLOAT32)
    assert np.isfinite(first.ratings).all()
    np.testing.assert_allclose(first.shares.sum(axis=1), [1, 1, 0], **FLOAT32)
    assert (np.asarray(first.shares)[np.arange(5) >= LENGTHS[:, None]] == 0).all()


def test_the_order_of_pieces_is_nothing_and_of_words_something(model, pieces):
    first = model(pieces, LENGTHS).ratings
    np.testing.assert_allclose(model(pieces[:, :, ::-1], LENGTHS).ratings, first, **FLOAT32)
    turned = model(pieces[:, ::-1], np.array([5, 5, 5])).ratings
    assert abs(turned[0] - first[0]) > 1e-4


def test_a_hidden_word_is_one_without_pieces(model, pieces):
    hidden = np.zeros((3, 5), bool)
    hidden[0, 1] = True
    none = pieces.copy()
    none[0, 1] = 0
    told = model(pieces, LENGTHS, hidden=hidden).ratings
    np.testing.assert_allclose(told, model(none, LENGTHS).ratings, **FLOAT32)
    assert abs(told[0] - model(pieces, LENGTHS).ratings[0]) > 1e-5


def test_training_leaves_out_what_evaluation_does_not(model, pieces):
    noisy = [model(pieces, LENGTHS, key=jax.random.key(seed)).ratings for seed in (1, 1, 2)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert abs(noisy[0][0] - noisy[2][0]) > 1e-5


def test_pooling_is_a_mean_of_valid_steps_weighted_by_its_score():
    pool = AttentionPooling(3, 4, key=jax.random.key(0))
    pool.w_query[...] = jnp.linspace(-1, 1, 4)[None]
    xs = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    xs[1, 2:] = np.nan
    pooled, shares = pool(xs, np.array([4, 2]))
    for row, length in enumerate((4, 2)):
        hidden = np.tanh(xs[row, :length] @ np.asarray(pool.w_key) + np.asarray(pool.w_query))
        powers = np.exp(hidden @ np.asarray(pool.v))
        expected = powers / powers.sum()
        np.testing.assert_allclose(shares[row, :length], expected, **FLOAT32)
        np.testing.assert_allclose(pooled[row], expected @ xs[row, :length], **FLOAT32)
