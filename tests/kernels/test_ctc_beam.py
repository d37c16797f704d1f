"""Prefix beam search against all paths, and against prefixes kept in a dictionary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.ctc_decoding_cases import host, padded, rows
from oracles.ctc_decoding import every_labelling, prefix_beam_search
from tolerances import FLOAT32, FLOAT64, LONG_LOSS, PRINTED

from nnarch.kernels import ctc_beam_search, ctc_greedy, ctc_loss

# From TensorFlow's test of its beam search, which takes these probabilities as logits; blank 5.
HIBERNATING = [
    [0.30999, 0.309938, 0.0679938, 0.0673362, 0.0708352, 0.173908],
    [0.215136, 0.439699, 0.0370931, 0.0393967, 0.0381581, 0.230517],
    [0.199959, 0.489485, 0.0233221, 0.0251417, 0.0233289, 0.238763],
    [0.279611, 0.452966, 0.0204795, 0.0209126, 0.0194803, 0.20655],
    [0.51286, 0.288951, 0.0243026, 0.0220788, 0.0219297, 0.129878],
]
# From PaddlePaddle DeepSpeech's test of its decoders: ' space a b c d, and the blank, 6.
SPELLED = [
    [0.06390443, 0.21124858, 0.27323887, 0.06870235, 0.0361254, 0.18184413, 0.16493624],
    [0.03309247, 0.22866108, 0.24390638, 0.09699597, 0.31895462, 0.0094893, 0.06890021],
    [0.218104, 0.19992557, 0.18245131, 0.08503348, 0.14903535, 0.08424043, 0.08120984],
    [0.12094152, 0.19162472, 0.01473646, 0.28045061, 0.24246305, 0.05206269, 0.09772094],
    [0.1333387, 0.00550838, 0.00301669, 0.21745861, 0.20803985, 0.41317442, 0.01946335],
    [0.16468227, 0.1980699, 0.1906545, 0.18963251, 0.19860937, 0.04377724, 0.01457421],
]


def assert_row(found, row, expected, blank, tolerance=FLOAT32):
    """Of a row: the beams expected, in order, and behind them none."""
    labels, lengths, log_probs = (part[row] for part in found)
    beams, steps = labels.shape
    expected = expected[:beams]
    wanted = [padded(prefix, steps, blank) for prefix, _ in expected]
    assert labels.tolist() == wanted + [[blank] * steps] * (beams - len(expected))
    assert lengths.tolist() == padded([len(prefix) for prefix, _ in expected], beams, 0)
    scores = padded([score for _, score in expected], beams, -np.inf)
    np.testing.assert_allclose(log_probs, scores, **tolerance)


def test_tensorflows_two_beams():
    found = host(ctc_beam_search(np.float32([HIBERNATING]) + 2, [5], beam=2, blank=5))
    assert_row(found, 0, [((1, 0), -5.811451), ((1,), -6.63339)], 5, PRINTED)


@pytest.mark.parametrize(("beam", "spelled"), [(20, "acdc"), (400, "acb")])
def test_paddles_row_is_read_better_by_a_wider_beam(beam, spelled):
    labels, lengths, _ = ctc_beam_search(np.log([np.float32(SPELLED)]), [6], beam=beam, blank=6)
    assert "".join("' abcd"[k] for k in labels[0, 0, : lengths[0, 0]]) == spelled


def test_the_likeliest_labelling_need_not_be_that_of_the_likeliest_path():
    """Blank .6 twice is the best path, .36; but a is read from the other three, .64."""
    logits = np.log(np.float32([[[0.6, 0.4], [0.6, 0.4]]]))
    labels, _, log_probs = ctc_beam_search(logits, [2], beam=2)
    assert ctc_greedy(logits, [2])[1].tolist() == [0]
    assert labels[0].tolist() == [[1, 0], [0, 0]]
    np.testing.assert_allclose(np.exp(log_probs[0]), [0.64, 0.36], **FLOAT32)


@pytest.mark.parametrize(
    ("steps", "classes", "blank", "beam"),
    [(5, 3, 1, 70), (4, 4, 0, 90), (6, 2, 1, 9), (1, 3, 2, 5), (0, 2, 0, 3), (3, 1, 0, 2)],
)
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.3, 2.0, 20.0]))
def test_a_beam_as_wide_as_all_prefixes_is_exact(seed, scale, steps, classes, blank, beam):
    logits, lengths = rows(seed, steps=steps, classes=classes, scale=scale)
    found = host(ctc_beam_search(logits, lengths, beam=beam, blank=blank))
    for row, length in enumerate(lengths):
        assert_row(found, row, every_labelling(logits[row, :length], blank), blank)


@pytest.mark.parametrize(
    ("steps", "classes", "beam"), [(20, 4, 3), (70, 3, 8), (70, 2, 16), (40, 6, 1), (33, 5, 2)]
)
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.2, 1.0, 3.0]))
def test_a_narrow_beam_prunes_and_merges_as_a_dictionary_does(seed, scale, steps, classes, beam):
    """Flat scores let prefixes be dropped and taken up again below others that go on from them."""
    logits, lengths = rows(seed, batch=4, steps=steps, classes=classes, scale=scale)
    with jax.enable_x64(True):
        found = host(ctc_beam_search(logits.astype(np.float64), lengths, beam=beam))
    for row, length in enumerate(lengths):
        assert_row(found, row, prefix_beam_search(logits[row, :length], 0, beam), 0, FLOAT64)


def test_a_wide_beam_sums_to_one_and_agrees_with_the_loss():
    logits, lengths = rows(2, batch=3, steps=5, classes=3, lengths=[5, 4, 2])
    labels, label_lengths, log_probs = host(ctc_beam_search(logits, lengths, beam=70))
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, **FLOAT32)
    for rank in range(4):
        loss = ctc_loss(logits, lengths, labels[:, rank], label_lengths[:, rank])
        np.testing.assert_allclose(log_probs[:, rank], -loss, **FLOAT32)


def test_ten_thousand_frames_lose_no_digits():
    logits, lengths = rows(1, batch=2, steps=10_000, classes=3, lengths=[10_000, 9_000])
    labels, label_lengths, log_probs = host(ctc_beam_search(logits, lengths, beam=4))
    for row, length in enumerate(lengths):
        expected = prefix_beam_search(logits[row, :length], 0, 4)
        scores = dict(expected)
        assert expected[0][1] < -2_000
        np.testing.assert_allclose(log_probs[row, 0], expected[0][1], **LONG_LOSS)
        found = tuple(labels[row, 0, : label_lengths[row, 0]].tolist())
        np.testing.assert_allclose(scores[found], expected[0][1], **LONG_LOSS)


def test_ties_go_to_what_is_there_then_to_the_better_beam_then_to_the_lower_label():
    """Of one frame all labels tie; of two, those read from three paths come first."""
    labels, lengths, _ = ctc_beam_search(np.zeros((1, 1, 4), np.float32), [1], beam=4, blank=1)
    assert labels[0, :, 0].tolist() == [1, 0, 2, 3]
    assert lengths[0].tolist() == [0, 1, 1, 1]
    labels, lengths, _ = ctc_beam_search(np.zeros((1, 2, 3), np.float32), [2], beam=6)
    found = [tuple(row[:n].tolist()) for row, n in zip(labels[0], lengths[0], strict=True)]
    assert found == [(1,), (2,), (), (1, 2), (2, 1), ()]


def test_beams_that_do_not_exist_are_empty():
    """One class besides the blank and two frames: (), (1,); and a blank alone: ()."""
    for classes, count in ((2, 2), (1, 1)):
        found = ctc_beam_search(np.zeros((1, 2, classes), np.float32), [2], beam=5)
        labels, lengths, log_probs = host(found)
        assert np.isfinite(log_probs[0]).tolist() == [True] * count + [False] * (5 - count)
        assert (log_probs[0, count:] == -np.inf).all()
        assert not labels[0, count:].any()
        assert not lengths[0, count:].any()


def test_a_row_of_no_frames_holds_the_empty_prefix():
    found = host(ctc_beam_search(np.full((2, 3, 4), np.nan, np.float32), [0, 0], beam=2, blank=3))
    for row in range(2):
        assert_row(found, row, [((), 0.0)], 3)


@pytest.mark.parametrize("seed", range(3))
def test_impossible_classes_and_frames(seed):
    """Many scores are -inf, so that prefixes die and come back; a frame of -inf alone ends all."""
    logits, lengths = rows(seed, batch=4, steps=6, classes=3, lengths=[6, 6, 4, 3])
    logits[np.random.default_rng(seed).random(logits.shape) < 0.4] = -np.inf
    logits[0, 1, :] = -np.inf
    found = host(ctc_beam_search(logits, lengths, beam=90, blank=2))
    for row, length in enumerate(lengths):
        assert_row(found, row, every_labelling(logits[row, :length], 2), 2)
    assert (found[2][0] == -np.inf).all()


def test_not_a_number_makes_a_row_so_and_no_other():
    logits = np.zeros((3, 2, 3), np.float32)
    logits[0, 1, 2] = np.nan
    logits[1, 1, 2] = np.inf
    labels, lengths, log_probs = host(ctc_beam_search(logits, [2, 2, 2], beam=3))
    assert np.isnan(log_probs).all(axis=1).tolist() == [True, True, False]
    assert not labels[:2].any()
    assert not lengths[:2].any()


def test_the_gradient_is_that_of_the_loss_of_what_was_found():
    logits, lengths = rows(4, batch=3, steps=4, classes=3, lengths=[4, 3, 0])
    labels, label_lengths, _ = ctc_beam_search(logits, lengths, beam=40)
    with jax.enable_x64(True):
        logits = jnp.asarray(logits, jnp.float64)
        found = jax.grad(lambda x: jnp.sum(ctc_beam_search(x, lengths, beam=40)[2][:, 1]))(logits)
        expected = jax.grad(
            lambda x: -jnp.sum(ctc_loss(x, lengths, labels[:, 1], label_lengths[:, 1]))
        )(logits)
    np.testing.assert_allclose(found, expected, **FLOAT64)
