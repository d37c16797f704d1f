"""Masked cross-entropy against a float64 loop, and what padding must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.losses import masked_cross_entropy


@pytest.fixture
def case():
    """Rows of 4, 2 and 0 valid positions; logits behind them are NaN, labels absurd."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 4, 5)).astype(np.float32)
    labels = rng.integers(0, 5, (3, 4)).astype(np.int32)
    lengths = np.array([4, 2, 0], np.int32)
    padding = np.arange(4) >= lengths[:, None]
    logits[padding], labels[padding] = np.nan, 10**6
    return jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(lengths)


def by_hand(logits, labels, lengths, smoothing):
    total = 0.0
    for row, length in enumerate(lengths):
        for t in range(length):
            scores = np.asarray(logits[row, t], np.float64)
            log_probs = scores - np.log(np.exp(scores).sum())
            target = np.full(len(scores), smoothing / len(scores))
            target[labels[row, t]] += 1 - smoothing
            total -= (target * log_probs).sum()
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_agrees_with_the_loop_and_ignores_padding(case, smoothing):
    total, weight = masked_cross_entropy(*case, label_smoothing=smoothing)
    np.testing.assert_allclose(total, by_hand(*case, smoothing), **FLOAT32)
    assert weight == 6
    assert total.dtype == weight.dtype == jnp.float32


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_the_slope_of_the_loop(case, smoothing):
    logits, labels, lengths = case

    def three_times(x):
        return 3 * masked_cross_entropy(x, labels, lengths, label_smoothing=smoothing).total

    found = jax.grad(three_times)(logits)
    step = 1e-6
    for place in ((0, 0, 0), (0, 3, 2), (1, 1, 4)):
        moved = [np.array(logits, np.float64) for _ in range(2)]
        moved[0][place] += step
        moved[1][place] -= step
        high, low = (by_hand(each, labels, lengths, smoothing) for each in moved)
        np.testing.assert_allclose(found[place], 3 * (high - low) / (2 * step), **FLOAT32)


def test_gradient_is_exactly_zero_in_padding(case):
    logits, labels, lengths = case
    gradient = jax.grad(lambda x: masked_cross_entropy(x, labels, lengths).total)(logits)
    padding = np.arange(4) >= np.asarray(lengths)[:, None]
    assert np.all(np.asarray(gradient)[padding] == 0)
    assert np.isfinite(gradient).all()


def test_two_halves_add_up_to_the_whole(case):
    logits, labels, lengths = case
    whole = masked_cross_entropy(*case)
    halves = [
        masked_cross_entropy(logits[rows], labels[rows], lengths[rows])
        for rows in (slice(0, 1), slice(1, 3))
    ]
    np.testing.assert_allclose(sum(half.total for half in halves), whole.total, **FLOAT32)
    assert sum(half.weight for half in halves) == whole.weight


def test_bfloat16_logits_are_summed_in_float32():
    logits = jnp.zeros((64, 64, 2), jnp.bfloat16)
    labels = jnp.zeros((64, 64), jnp.int32)
    total, weight = masked_cross_entropy(logits, labels, jnp.full(64, 64))
    np.testing.assert_allclose(total, 64 * 64 * np.log(2), **FLOAT32)
    assert weight == 64 * 64
    gradient = jax.grad(lambda x: masked_cross_entropy(x, labels, jnp.full(64, 64)).total)(logits)
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_array_equal(gradient[..., 0], -0.5)


def test_a_wrong_shape_or_option_names_the_remedy(case):
    logits, labels, lengths = case
    with pytest.raises(ValueError, match="Put the batch first"):
        masked_cross_entropy(logits, labels[:, :2], lengths)
    with pytest.raises(ValueError, match="from 0 to below 1"):
        masked_cross_entropy(logits, labels, lengths, label_smoothing=1.0)


def test_a_class_that_is_masked_out_takes_no_part():
    """What cannot follow scores -inf, as masks of words do; without smoothing that is a number."""
    logits = jnp.array([[[1.0, -jnp.inf, 1.0]]])

    def total(x):
        return masked_cross_entropy(x, jnp.array([[0]]), jnp.array([1])).total

    loss, gradient = jax.value_and_grad(total)(logits)
    np.testing.assert_allclose(loss, np.log(2), **FLOAT32)
    np.testing.assert_allclose(gradient[0, 0], [-0.5, 0, 0.5], **FLOAT32)
