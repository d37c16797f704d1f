"""Known answers of the CTC loss, from the test suites of other libraries and from a closed form."""

import itertools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from kernels.ctc_cases import Case, answer, every_implementation, with_rubbish
from kernels.recurrent_cases import assert_close
from oracles import ctc as oracle
from tolerances import FLOAT32, PRINTED

FRAMES, LABELS = 8, 6  # what small answers are padded to


class Known(NamedTuple):
    """One row, its loss and, where it is known, its gradient."""

    logits: np.ndarray  # [T, V]
    labels: list
    loss: float
    gradient: np.ndarray | None = None
    blank: int = 0


def padded(rows, *, frames=FRAMES, labels=LABELS):
    """A batch of known rows: NaN behind the frames, rubbish behind the labels."""
    blank, classes = rows[0].blank, np.shape(rows[0].logits)[1]
    logits = np.full((len(rows), frames, classes), np.nan, np.float32)
    numbers = np.zeros((len(rows), labels), np.int32)
    for b, row in enumerate(rows):
        logits[b, : len(row.logits)] = row.logits
        numbers[b, : len(row.labels)] = row.labels
    logit_lengths = np.array([len(row.logits) for row in rows], np.int32)
    label_lengths = np.array([len(row.labels) for row in rows], np.int32)
    numbers = with_rubbish(numbers, label_lengths, blank)
    ones = jnp.ones(len(rows), jnp.float32)
    return Case(jnp.asarray(logits), logit_lengths, numbers, label_lengths, ones, blank)


def assert_known(implementation, rows, tolerance=PRINTED, **sizes):
    """Losses and gradients as known; a gradient of exactly 0 in the padding."""
    losses, gradients = answer(implementation, padded(rows, **sizes))
    assert_close(losses, np.array([row.loss for row in rows]), tolerance)
    for gradient, row in zip(np.asarray(gradients), rows, strict=True):
        assert not np.any(gradient[len(row.logits) :])
        if row.gradient is not None:
            assert_close(gradient[: len(row.logits)], np.array(row.gradient), tolerance)


# warp-ctc, tests/test_cpu.cpp, small_test.
WARP_CTC = Known(
    [[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.6, 0.1, 0.1]],
    [1, 2],
    2.4628583915,
    [
        [0.1770312, -0.7081249, 0.1770312, 0.1770312, 0.1770312],
        [0.1770312, 0.1770312, -0.7081249, 0.1770312, 0.1770312],
    ],
)

# warp-ctc's PyTorch tutorial; the gradients were computed from the definition.
TUTORIAL = [
    Known(np.zeros((1, 5)), [1], 1.6094379124),
    Known(
        np.arange(1, 16).reshape(3, 5),
        [3, 3],
        7.3557431878,
        [
            [0.01165623, 0.03168492, 0.08612854, -0.76587834, 0.63640865],
            [-0.98834377, 0.03168492, 0.08612854, 0.23412166, 0.63640865],
            [0.01165623, 0.03168492, 0.08612854, -0.76587834, 0.63640865],
        ],
    ),
    Known(
        np.array([[-5], [-10], [-15]]) + np.arange(5),
        [2, 3],
        4.9388498670,
        [
            [-0.02115799, 0.03168492, -0.88105724, 0.23412166, 0.63640865],
            [-0.02115799, 0.03168492, -0.18915179, -0.45778379, 0.63640865],
            [-0.02115799, 0.03168492, 0.08612854, -0.73306412, 0.63640865],
        ],
    ),
    Known(
        [
            [2, 0, 0, 0, 0],
            [1, 3, 0, 0, 0],
            [1, 4, 1, 0, 0],
            [1, 1, 5, 6, 0],
            [1, 1, 1, 1, 1],
            [1, 1, 7, 1, 1],
            [9, 1, 1, 1, 1],
        ],
        [4, 1, 3, 2, 1],
        9.9185501076,
    ),
]


@every_implementation
def test_warp_ctc(implementation):
    assert_known(implementation, [WARP_CTC, *TUTORIAL])


@every_implementation
def test_warp_ctc_without_padding(implementation):
    assert_known(implementation, [WARP_CTC, WARP_CTC], frames=2, labels=2)


def single_path(probabilities, labels, loss, path, entries):
    """A row of TensorFlow's: the gradient is the probabilities but for one class a frame."""
    gradient = np.array(probabilities)
    gradient[range(len(path)), path] = entries
    return Known(np.log(probabilities), labels, loss, gradient, blank=5)


# TensorFlow, ctc_loss_op_test.py, testBasic; warp-ctc's options_test has the same numbers.
TENSORFLOW = [
    single_path(
        [
            [0.633766, 0.221185, 0.0917319, 0.0129757, 0.0142857, 0.0260553],
            [0.111121, 0.588392, 0.278779, 0.0055756, 0.00569609, 0.010436],
            [0.0357786, 0.633813, 0.321418, 0.00249248, 0.00272882, 0.0037688],
            [0.0663296, 0.643849, 0.280111, 0.00283995, 0.0035545, 0.00331533],
            [0.458235, 0.396634, 0.123377, 0.00648837, 0.00903441, 0.00623107],
        ],
        [0, 1, 2, 1, 0],
        3.3421125851,
        [0, 1, 2, 1, 0],
        [-0.366234, -0.411608, -0.678582, -0.356151, -0.541765],
    ),
    single_path(
        [
            [0.30176, 0.28562, 0.0831517, 0.0862751, 0.0816851, 0.161508],
            [0.24082, 0.397533, 0.0557226, 0.0546814, 0.0557528, 0.19549],
            [0.230246, 0.450868, 0.0389607, 0.038309, 0.0391602, 0.202456],
            [0.280884, 0.429522, 0.0326593, 0.0339046, 0.0326856, 0.190345],
            [0.423286, 0.315517, 0.0338439, 0.0393744, 0.0339315, 0.154046],
        ],
        [0, 1, 1, 0],
        5.4226217310,
        [0, 1, 5, 1, 0],
        [-0.69824, -0.602467, -0.797544, -0.570478, -0.576714],
    ),
]


@every_implementation
def test_tensorflow(implementation):
    """Two frames of padding behind the five, as there."""
    assert_known(implementation, TENSORFLOW, frames=7, labels=5)


# The same test prints alpha of its second row: frame, states, values.
TENSORFLOW_ALPHA = [
    (0, [0, 1], [-1.8232, -1.19812]),
    (1, [1, 2, 3], [-2.19315, -2.83037, -2.1206]),
    (2, [3, 4], [-2.03268, -3.71783]),
    (3, [5], [-4.56292]),
    (4, [7], [-5.42262]),
]


def test_the_oracle_has_tensorflows_alpha():
    """There only states are printed from which the end can be reached."""
    row = TENSORFLOW[1]
    states = oracle.with_blanks(row.labels, row.blank)
    alpha = oracle.forward(oracle.log_softmax(row.logits), states, row.blank)
    for frame, numbers, expected in TENSORFLOW_ALPHA:
        assert_close(alpha[frame, numbers], np.array(expected), PRINTED)


def uniform(labels, loss, blank):
    """MXNet, test_loss.py, test_ctc_loss: 20 frames of 4 equal logits."""
    return Known(np.ones((20, 4)), labels, loss, blank=blank)


MXNET = {
    3: [uniform([1, 0], 18.82820491, 3), uniform([2, 1, 1], 16.50581719, 3)],
    0: [uniform([2, 1], 18.82820491, 0), uniform([3, 2, 2], 16.50581719, 0)],
}


@every_implementation
@pytest.mark.parametrize(("blank", "allocated"), [(3, 20), (0, 25)])
def test_mxnet(implementation, blank, allocated):
    assert_known(implementation, MXNET[blank], frames=allocated, labels=4)


# Keras, nn_test.py; its gradients were computed from the definition. init2winit, test_losses.py.
OF_THREE_CLASSES = [
    Known(
        [[0.4, 0.8, 0.4], [0.2, 0.8, 0.3], [0.9, 0.4, 0.5]],
        [1, 2, 1],
        3.4411672032,
        [
            [0.28638322, -0.57276644, 0.28638322],
            [0.25462853, 0.46396343, -0.71859196],
            [0.43920315, -0.73360982, 0.29440668],
        ],
    ),
    Known(
        [[0.4, 0.8, 0.4], [0.2, 0.3, 0.3]],
        [1, 2],
        1.9168018581,
        [[0.28638322, -0.57276644, 0.28638322], [0.31149331, 0.34425335, -0.65574665]],
    ),
    Known([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], [1, 2], 1.3794532819),
]


@every_implementation
def test_keras_and_init2winit(implementation):
    assert_known(implementation, OF_THREE_CLASSES)


def one_alignment(path, *, seed):
    """optax, CTCTest: as many frames as the only path needs, so that the answer is a sum."""
    logits = np.random.default_rng(seed).normal(size=(len(path), 5)).astype(np.float32)
    log_probs = logits - np.log(np.sum(np.exp(np.float64(logits)), axis=1, keepdims=True))
    taken = np.eye(5)[path]
    labels = [k for k in path if k != 0]
    return Known(logits, labels, -np.sum(taken * log_probs), np.exp(log_probs) - taken)


PATHS = {
    "one to one": [[1, 2, 3, 4, 1, 2], [4, 1, 3], [2, 1, 2, 1], [3, 4, 3, 2, 1]],
    "repeats": [
        [1, 2, 0, 2, 3],
        [2, 3, 4, 0, 4],
        [1, 0, 1, 0, 1, 0, 1],
        [1, 0, 1, 2, 3],
        [1, 0, 1, 0, 1, 2],
    ],
    "blanks": [[0], [0, 0, 0], [0] * 7, [0, 0, 0, 0]],
}


@every_implementation
@pytest.mark.parametrize("kind", PATHS)
def test_optax_where_one_path_alone_exists(implementation, kind):
    rows = [one_alignment(path, seed=seed) for seed, path in enumerate(PATHS[kind])]
    rows = list(itertools.islice(itertools.cycle(rows), 5))  # as many as above share a program
    assert_known(implementation, rows, FLOAT32)


def log_choose(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def closed_form(frames, classes, labels, repeats):
    """All alignments are equally likely, and there are C(T + L - R, 2 L)."""
    if frames < labels + repeats:
        return math.inf
    return frames * math.log(classes) - log_choose(frames + labels - repeats, 2 * labels)


def labels_with_repeats(size, repeats):
    """`size` labels, the first of which repeat their neighbour."""
    changes = np.arange(size) > repeats
    return [1 + int(k) % 2 for k in np.cumsum(changes)]


def equal_logits(frames, classes, labels, repeats):
    return Known(
        np.full((frames, classes), 0.5),
        labels_with_repeats(labels, repeats),
        closed_form(frames, classes, labels, repeats),
    )


@every_implementation
def test_equal_logits_of_every_small_size(implementation):
    sizes = [
        (frames, 4, labels, repeats)
        for frames in range(8)
        for labels in range(6)
        for repeats in range(max(labels, 1))
    ]
    rows = [equal_logits(*size) for size in sizes]
    assert_known(implementation, rows, frames=8, labels=5)
    assert {row.loss < math.inf for row in rows} == {True, False}


@every_implementation
def test_equal_logits_of_a_large_size(implementation):
    sizes = [(900, 300, 150, 0), (900, 300, 150, 149), (299, 300, 150, 149), (298, 300, 150, 149)]
    rows = [equal_logits(*size) for size in sizes]
    assert_known(implementation, rows, frames=900, labels=150)
    assert rows[-1].loss == math.inf
