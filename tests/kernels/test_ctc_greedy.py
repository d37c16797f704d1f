"""Greedy decoding against known answers and against the path read in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.ctc_decoding_cases import host, padded, rows
from oracles.ctc_decoding import log_softmax, paths, read
from tolerances import FLOAT32, FLOAT64, LONG_LOSS, PRINTED

from nnarch.kernels import ctc_greedy

# From TensorFlow's test of its greedy decoder; the blank is the last class.
TENSORFLOW = [
    [[1, 0, 0, 0], [0, 0, 0.4, 0.6], [0, 0, 0.4, 0.6], [0, 0.9, 0.1, 0], [np.nan] * 4],
    [[0.1, 0.9, 0, 0], [0, 0.9, 0.1, 0], [0, 0, 0.1, 0.9], [0, 0.9, 0.1, 0.1], [0.9, 0.1, 0, 0]],
]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 1, 3, 2], [3, 0, 1, 2]], ids=str)
def test_tensorflows_rows_wherever_the_blank_stands(order):
    """order[k] is TensorFlow's number for class k."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.float32(TENSORFLOW))[:, :, order]
    blank = order.index(3)
    labels, lengths, log_probs = ctc_greedy(logits, [4, 5], blank=blank)
    found = [[order[k] for k in row[:n]] for row, n in zip(labels, lengths, strict=True)]
    assert found == [[0, 1], [1, 1, 0]]
    np.testing.assert_allclose(log_probs[0], -1.1270117632, **PRINTED)


def test_keras_rows():
    """From the test of Keras' ctc_decode; equal classes in the first frame: the first is taken."""
    logits = np.float32(
        [
            [[0.1, 0.4, 0.2, 0.4], [0.3, -0.3, 0.4, 0.2], [0.3, 0.2, 0.4, 0.3]],
            [[0.7, 0.4, 0.3, 0.2], [0.3, 0.3, 0.4, 0.1], [0.6, -0.1, 0.1, 0.5]],
            [[0.1, 0.4, 0.2, 0.7], [0.3, 0.3, -0.2, 0.7], [0.3, 0.2, 0.4, 0.1]],
        ]
    )
    labels, lengths, _ = ctc_greedy(logits, [3, 3, 1])
    assert labels.tolist() == [[1, 2, 0], [2, 0, 0], [3, 0, 0]]
    assert lengths.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("steps", "classes", "blank"),
    [(9, 3, 0), (9, 5, 4), (6, 2, 1), (1, 4, 2), (0, 3, 1), (4, 1, 0)],
)
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_reads_the_best_path(seed, steps, classes, blank):
    logits, lengths = rows(seed, steps=steps, classes=classes)
    labels, label_lengths, log_probs = host(ctc_greedy(logits, lengths, blank=blank))
    for row, length in enumerate(lengths):
        log_p = log_softmax(logits[row, :length])
        expected = read(np.argmax(log_p, axis=1), blank)
        assert labels[row].tolist() == padded(expected, steps, blank)
        assert label_lengths[row] == len(expected)
        np.testing.assert_allclose(log_probs[row], np.max(log_p, axis=1).sum(), **FLOAT32)


def test_log_prob_is_that_of_the_likeliest_of_all_paths():
    logits, _ = rows(0, batch=1, steps=5, classes=3, lengths=[5])
    likeliest = max(log_prob for _, log_prob in paths(logits[0]))
    np.testing.assert_allclose(ctc_greedy(logits, [5])[2][0], likeliest, **FLOAT32)


def test_ten_thousand_frames_lose_no_digits():
    logits, lengths = rows(0, batch=2, steps=10_000, classes=8, scale=0.5, lengths=[10_000, 9_000])
    expected = [log_softmax(x[:n]).max(1).sum() for x, n in zip(logits, lengths, strict=True)]
    assert min(expected) < -5_000
    np.testing.assert_allclose(ctc_greedy(logits, lengths)[2], expected, **LONG_LOSS)


def test_frames_that_no_class_can_emit_and_frames_that_are_not_numbers():
    logits = np.zeros((4, 2, 3), np.float32)
    logits[0, 1] = -np.inf
    logits[1, 0, 1] = np.nan
    logits[2, 0, 2] = np.inf
    log_probs = ctc_greedy(logits, [2, 2, 2, 2])[2]
    expected = [-np.inf, np.nan, np.nan, -2 * np.log(3)]
    np.testing.assert_allclose(log_probs, expected, **FLOAT32)


def test_the_gradient_is_that_of_the_path():
    with jax.enable_x64(True):
        logits = jnp.asarray(rows(1)[0], jnp.float64)
        lengths = rows(1)[1]
        found = jax.grad(lambda x: jnp.sum(ctc_greedy(x, lengths)[2]))(logits)
    for row, length in enumerate(lengths):
        p = np.exp(log_softmax(logits[row, :length]))
        expected = np.eye(p.shape[1])[p.argmax(1)] - p
        np.testing.assert_allclose(found[row, :length], expected, **FLOAT64)
        np.testing.assert_array_equal(found[row, length:], 0)
