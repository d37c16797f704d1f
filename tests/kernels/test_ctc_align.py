"""Alignment against known answers, against every path, and against Viterbi in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.ctc_decoding_cases import host, labels_for, rows
from oracles.ctc_decoding import alignment_score, every_alignment, log_softmax, read
from tolerances import FLOAT32, FLOAT64, LONG_LOSS, PRINTED

from nnarch.kernels import ctc_align, ctc_loss

# The probabilities of TensorFlow's and warp-ctc's test of the loss; the blank is 5.
PROBABILITIES = [
    [0.633766, 0.221185, 0.0917319, 0.0129757, 0.0142857, 0.0260553],
    [0.111121, 0.588392, 0.278779, 0.0055756, 0.00569609, 0.010436],
    [0.0357786, 0.633813, 0.321418, 0.00249248, 0.00272882, 0.0037688],
    [0.0663296, 0.643849, 0.280111, 0.00283995, 0.0035545, 0.00331533],
    [0.458235, 0.396634, 0.123377, 0.00648837, 0.00903441, 0.00623107],
]


@pytest.mark.parametrize(
    ("labels", "path", "score"),
    [
        ([0, 1], [0, 1, 1, 1, 1], -2.8074693),
        ([0, 1, 0], [0, 1, 1, 1, 0], -2.6631011),
        ([0, 1, 2, 1, 0], [0, 1, 2, 1, 0], -3.3421126),
        ([1, 1], [1, 5, 1, 1, 1], -7.8922817),
    ],
    ids=str,
)
def test_paths_found_by_trying_all(labels, path, score):
    logits = np.log(np.float32([PROBABILITIES]))
    found, log_prob = ctc_align(logits, [5], [labels], [len(labels)], blank=5)
    assert found[0].tolist() == path
    np.testing.assert_allclose(log_prob[0], score, **PRINTED)


@pytest.mark.parametrize(
    ("steps", "classes", "blank"), [(6, 3, 1), (5, 4, 0), (1, 2, 1), (0, 3, 2), (3, 1, 0)]
)
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_is_the_likeliest_of_all_paths(seed, steps, classes, blank):
    logits, lengths = rows(seed, batch=4, steps=steps, classes=classes)
    most = 0 if classes == 1 else 3
    labels, label_lengths = labels_for(seed, logits, lengths, blank=blank, most=most)
    paths, log_probs = host(ctc_align(logits, lengths, labels, label_lengths, blank=blank))
    for row, length in enumerate(lengths):
        wanted = labels[row, : label_lengths[row]].tolist()
        expected = every_alignment(logits[row, :length], wanted, blank)
        assert paths[row, length:].tolist() == [blank] * (steps - length)
        if expected:
            assert paths[row, :length].tolist() == list(expected[0][0])
            np.testing.assert_allclose(log_probs[row], expected[0][1], **FLOAT32)
        else:
            assert log_probs[row] == -np.inf
            assert paths[row].tolist() == [blank] * steps


@pytest.mark.parametrize("steps", [40, 300])
def test_agrees_with_viterbi_over_many_labels(steps):
    logits, lengths = rows(3, batch=4, steps=steps, classes=6, lengths=[steps, steps, 30, 1])
    labels, label_lengths = labels_for(3, logits, lengths, blank=2, most=15)
    paths, log_probs = host(ctc_align(logits, lengths, labels, label_lengths, blank=2))
    for row, length in enumerate(lengths):
        wanted = labels[row, : label_lengths[row]].tolist()
        expected = alignment_score(logits[row, :length], wanted, 2)
        np.testing.assert_allclose(log_probs[row], expected, **FLOAT32)
        if expected > -np.inf:
            assert read(paths[row, :length], 2) == tuple(wanted)


def test_ten_thousand_frames_lose_no_digits():
    """The blank leads by some thousands, and yet every label has to be passed where it is best."""
    logits, _ = rows(0, batch=1, steps=10_000, classes=5, lengths=[10_000])
    logits[:, :, 0] += 8
    labels = np.random.default_rng(0).integers(1, 5, (1, 300))
    expected = alignment_score(logits[0], labels[0].tolist(), 0)
    paths, log_probs = host(ctc_align(logits, [10_000], labels, [300]))
    np.testing.assert_allclose(log_probs[0], expected, **LONG_LOSS)
    assert read(paths[0], 0) == tuple(labels[0])
    along = np.take_along_axis(log_softmax(logits[0]), paths[0][:, None], axis=1).sum()
    np.testing.assert_allclose(along, expected, **FLOAT64)


def test_near_ties_at_a_score_of_twelve_thousand_are_told_apart():
    """Each of 400 labels costs 30, and 1e-4 less at frame 900: float32's digits are 1e-3 there."""
    logits = np.zeros((1, 1_000, 3), np.float32)
    logits[:, :, 1:] = -30
    logits[0, 900, 2] += 1e-4
    paths, _ = ctc_align(logits, [1_000], [[1, 2] * 200], [400])
    assert paths[0, 900] == 2
    assert np.count_nonzero(paths) == 400


def test_of_ties_labels_come_as_early_as_they_can():
    paths, _ = ctc_align(np.zeros((1, 6, 3), np.float32), [6], [[1, 2, 2]], [3])
    assert paths[0].tolist() == [1, 2, 0, 2, 0, 0]


def test_what_cannot_be_aligned():
    """Too few frames, a label that is impossible, the blank, no class; no labels can be."""
    logits = np.zeros((6, 3, 3), np.float32)
    logits[1, :, 1] = -np.inf
    labels = jnp.array([[1, 1, 2], [1, 2, 2], [0, 1, 1], [1, 3, 1], [-1, 1, 1], [2, 2, 2]])
    lengths = jnp.array([3, 1, 1, 2, 1, 0])
    paths, log_probs = ctc_align(logits, [3] * 6, labels, lengths)
    assert paths.tolist() == [[0] * 3] * 6
    expected = [*[-np.inf] * 5, -3 * np.log(3)]
    np.testing.assert_allclose(log_probs, expected, **FLOAT32)


def test_no_frames_and_no_labels():
    paths, log_probs = ctc_align(np.zeros((2, 0, 3), np.float32), [0, 0], [[1], [1]], [0, 1])
    assert paths.shape == (2, 0)
    assert log_probs.tolist() == [0, -np.inf]
    paths, log_probs = ctc_align(np.zeros((1, 2, 1), np.float32), [2], np.zeros((1, 0)), [0])
    assert (paths.tolist(), log_probs.tolist()) == ([[0, 0]], [0])


def test_not_a_number_counts_only_in_valid_frames():
    logits = np.zeros((3, 2, 3), np.float32)
    logits[0, 1, 2] = np.nan
    logits[1, 1, 2] = np.inf
    logits[2, 1, 2] = np.nan
    paths, log_probs = ctc_align(logits, [2, 2, 1], [[1]] * 3, [1] * 3)
    assert np.isnan(log_probs).tolist() == [True, True, False]
    assert paths.tolist() == [[0, 0], [0, 0], [1, 0]]


def test_masked_classes_of_huge_negative_logits_are_still_ranked():
    """A path has to pass a class of -1e9 once; the better of two such frames is taken."""
    logits = np.zeros((1, 3, 2), np.float32)
    logits[0, :, 1] = [-1.0e9, -0.9e9, -1.1e9]
    paths, log_prob = ctc_align(logits, [3], [[1]], [1])
    assert paths.tolist() == [[0, 1, 0]]
    np.testing.assert_allclose(log_prob, [-0.9e9], **FLOAT32)


def test_is_never_likelier_than_all_alignments_together():
    logits, lengths = rows(5, batch=8, steps=12)
    labels, label_lengths = labels_for(5, logits, lengths, blank=0)
    _, log_probs = ctc_align(logits, lengths, labels, label_lengths)
    loss = ctc_loss(logits, lengths, labels, label_lengths)
    assert np.all(log_probs <= -loss + FLOAT32["atol"])
    np.testing.assert_array_equal(np.isinf(log_probs), np.isinf(loss))


def test_the_gradient_is_that_of_the_path():
    logits, lengths = rows(6, steps=6, lengths=[6, 5, 4, 1, 0])
    labels, label_lengths = labels_for(6, logits, lengths, blank=0, most=2)
    with jax.enable_x64(True):
        found = jax.grad(lambda x: jnp.sum(ctc_align(x, lengths, labels, label_lengths)[1]))(
            jnp.asarray(logits, jnp.float64)
        )
    paths, log_probs = ctc_align(logits, lengths, labels, label_lengths)
    assert np.isfinite(log_probs).sum() >= 3
    for row, length in enumerate(lengths):
        p = np.exp(log_softmax(logits[row, :length]))
        expected = (np.eye(4)[paths[row, :length]] - p) * np.isfinite(log_probs[row])
        np.testing.assert_allclose(found[row, :length], expected, **FLOAT64)
        np.testing.assert_array_equal(found[row, length:], 0)


def test_the_gradient_of_a_row_that_cannot_be_aligned_is_zero():
    logits = np.zeros((3, 3, 3), np.float32)
    logits[0, 1] = -np.inf
    logits[1, :, 1] = -np.inf
    found = jax.grad(lambda x: ctc_align(x, [3] * 3, [[1, 1]] * 3, [1, 1, 2])[1].sum())(logits)
    np.testing.assert_array_equal(found[:2], 0)
    assert np.isfinite(found[2]).all()
