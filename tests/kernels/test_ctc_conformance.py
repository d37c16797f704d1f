"""Every implementation of the CTC loss answers as the paper's recursion does, whatever the rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.ctc_cases import (
    ALIGNED,
    CLASSES,
    ROWS,
    Shape,
    answer,
    case,
    every_implementation,
    every_layout,
    expect,
    loss,
    padding,
    served_by,
)
from kernels.recurrent_cases import assert_close, assert_same
from oracles import ctc as oracle
from tolerances import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    FLOAT32_GRADIENT,
    FLOAT64,
)

from nnarch.kernels import ctc_loss

BLANKS = (0, 2, CLASSES - 1)
ROUNDED = {"bfloat16": BFLOAT16, "float16": FLOAT16}


def aligned(implementation, c):
    """Which rows can be aligned, as the losses say."""
    return np.isfinite(answer(implementation, c)[0]).tolist()


def assert_answers(implementation, c, tolerance=FLOAT32_GRADIENT):
    """Losses and gradients are the oracle's, and the gradient is exactly 0 where nothing is."""
    losses, gradients = answer(implementation, c)
    expected, expected_gradients = expect(c)
    assert_close(losses, expected, FLOAT32)
    assert_close(gradients, expected_gradients, tolerance)
    assert not np.any(np.asarray(gradients)[padding(c) | np.isinf(expected)[:, None]])
    assert np.all(np.asarray(losses) >= 0)
    assert losses.dtype == np.float32
    assert gradients.dtype == c.logits.dtype


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("labels", [[], [0], [1, 0], [1, 1], [2, 2, 0], [0, 1, 2]])
def test_the_oracle_is_the_sum_over_all_paths(labels, blank):
    labels = [3 if k == blank else k for k in labels]
    for frames in range(5):
        logits = np.random.default_rng(frames).normal(size=(frames, 4))
        found = oracle.loss_and_gradient(logits, labels, blank)
        assert_close(found, oracle.loss_and_gradient_by_paths(logits, labels, blank), FLOAT64)


@every_implementation
@pytest.mark.parametrize("blank", BLANKS)
def test_an_awkward_batch_is_the_oracle(implementation, blank):
    c = case(blank=blank)
    assert_answers(implementation, c)
    assert aligned(implementation, c) == ALIGNED.tolist()
    gradients = np.asarray(answer(implementation, c)[1])
    assert np.all(np.any(gradients, axis=2)[~padding(c) & ALIGNED[:, None]])


@every_implementation
def test_moving_the_blank_moves_the_gradient(implementation):
    """The classes turned in a circle, the labels and the blank with them."""
    c = case()
    losses, gradients = answer(implementation, c)
    for blank in BLANKS[1:]:
        moved = c._replace(
            logits=jnp.roll(c.logits, blank, axis=2),
            labels=np.where(c.labels < 0, c.labels, (c.labels + blank) % CLASSES),
            blank=blank,
        )
        expected = losses, jnp.roll(gradients, blank, axis=2)
        assert_close(answer(implementation, moved), expected, FLOAT32_GRADIENT)


@every_implementation
def test_repeated_labels(implementation):
    """Each repeat asks for one frame more."""
    labels = [[1, 1, 1, 1], [1, 1, 2, 2], [2, 1, 1, 2], [3, 3, 0, 0]] * 2
    rows = [(8, 4), (6, 4), (5, 4), (3, 2), (6, 4), (5, 4), (4, 4), (2, 2)]
    c = case(rows, labels=labels)
    assert_answers(implementation, c)
    assert aligned(implementation, c) == [True] * 4 + [False] * 4


@every_implementation
@pytest.mark.parametrize(
    "shape",
    [Shape(1, 2), Shape(7, 3, 2), Shape(6, 0), Shape(30, 15)],
    ids=str,
)
def test_sizes(implementation, shape):
    """One frame, an odd number of them with two classes, no labels, more labels than 14."""
    frames, labels = shape.frames, shape.labels
    half = (frames // 2, min(labels, frames // 2))
    rows = [(frames, labels), (frames, min(labels, 1)), (frames, 0), half, (0, 0), (0, labels)]
    assert_answers(implementation, case(rows, shape=shape))


@every_implementation
def test_many_classes_with_repeats_and_the_blank_at_the_end(implementation):
    """More classes than are worth a product: shares of one class are added up."""
    shape, blank = Shape(9, 5, 1200), 1199
    labels = [[7, 1198, 7, 7, 0], [3, 3, 3, 0, 0], [1198, 0, 1198, 0, 1198], [0, 0, 0, 0, 0]]
    rows = [(9, 5), (8, 3), (7, 5), (6, 2)]
    assert_answers(implementation, case(rows, shape=shape, labels=labels, blank=blank))


@every_implementation
@pytest.mark.parametrize("rows", [((0, 0),), ((0, 0), (0, 2)), ()], ids=str)
def test_no_frames_or_no_rows(implementation, rows):
    c = case(rows, shape=Shape(0 if rows else 4, 2))
    losses, gradients = answer(implementation, c)
    assert_same(losses, np.array([np.inf if labels else 0 for _, labels in rows]))
    assert gradients.shape == c.logits.shape
    assert losses.dtype == gradients.dtype == np.float32


@every_implementation
def test_a_blank_without_other_classes(implementation):
    """The one path there is is certain, whatever the logits."""
    c = case([(3, 0), (1, 0), (0, 0)], shape=Shape(3, 0, 1), scale=100)
    losses, gradients = answer(implementation, c)
    assert_close((losses, gradients), (np.zeros(3), np.zeros((3, 3, 1))), FLOAT32)


def without(c, *entries, logit=-np.inf):
    """The case with -inf as the logits of (row, frame, class), each of them a number or a slice."""
    logits = np.array(c.logits)
    for entry in entries:
        logits[entry] = logit
    return c._replace(logits=jnp.asarray(np.where(padding(c)[..., None], np.nan, logits)))


EVERY = slice(None)


@every_implementation
@pytest.mark.parametrize("logit", [-np.inf, -1e9, np.finfo(np.float32).min])
def test_a_class_that_no_label_uses_may_be_impossible(implementation, logit):
    """By -inf or by what stands for it elsewhere."""
    labels = [[1, 2, 1, 2]] * 8
    c = without(case(labels=labels), (EVERY, EVERY, 3), (EVERY, 2, 4), logit=logit)
    assert_answers(implementation, c)
    assert aligned(implementation, c) == ALIGNED.tolist()


@every_implementation
def test_a_blank_or_a_label_may_be_impossible(implementation):
    """Rows without any blank, with none in one frame, without one label in one frame or in all."""
    rows = [(8, 4), (8, 4), (5, 0), (3, 3), (8, 4), (8, 4), (4, 1), (1, 1)]
    labels = [[1, 2, 3, 4], [2, 2, 1, 1], [1] * 4, [3, 4, 3, 0], [1, 2, 3, 4], [1, 2, 3, 4]]
    labels += [[2] * 4, [3] * 4]
    c = without(
        case(rows, labels=labels),
        (0, EVERY, 0),
        (1, EVERY, 0),  # repeats need a blank
        (2, 1, 0),
        (3, EVERY, 0),
        (4, slice(2, 5), 2),
        (5, EVERY, 3),
        (6, 1, 0),
        (7, 0, 3),
    )
    assert_answers(implementation, c)
    possible = [True, False, False, True, True, False, True, False]
    assert aligned(implementation, c) == possible


@every_implementation
def test_a_frame_without_any_class_cannot_be_aligned(implementation):
    """A valid one; behind a row's end it is padding like any other."""
    c = case()
    valid = np.array([3, 6, 0, 0, 0, 8, 8, 0])
    logits = np.array(c.logits)
    logits[np.arange(8)[valid < 8], valid[valid < 8]] = -np.inf
    logits[6] = -np.inf
    c = c._replace(logits=jnp.asarray(logits))
    assert_answers(implementation, c)
    assert aligned(implementation, c) == [row == 5 for row in range(8)]


@every_implementation
@pytest.mark.parametrize("offset", [0.0, 3e4, -3e4])
def test_confident_logits(implementation, offset):
    """Steps of 1e4 between classes: most paths are impossible in float32, none is lost."""
    c = case(scale=1e4)
    c = c._replace(logits=c.logits + offset)
    assert_answers(implementation, c)
    assert aligned(implementation, c) == ALIGNED.tolist()


@every_layout
@pytest.mark.parametrize("scale", [1e7, 1e8, 1e9, 1e30])
def test_beyond_what_an_exponent_holds_nothing_breaks(implementation, scale):
    """Losses up to 1e8 are the oracle's. What is less likely may count as impossible."""
    c = case(scale=scale)
    losses, gradients = map(np.asarray, answer(implementation, c))
    expected, expected_gradients = expect(c)
    held = expected <= 1e8
    assert_close(losses[held], expected[held], FLOAT32)
    assert_close(gradients[held], expected_gradients[held], FLOAT32_GRADIENT)
    assert np.all(losses[~held] > 1e8)
    # A share of a frame is between 0 and 1, whatever it is.
    assert np.all(np.abs(gradients) <= 1.001 * np.abs(c.cotangents)[:, None, None])


@every_implementation
@pytest.mark.parametrize("scale", [1.0, 16.0, 20.0, 1e4])
def test_the_loss_of_what_is_certain_is_not_below_0(implementation, scale):
    """Rounding must not make a probability of more than 1."""
    c = case(scale=1e-3)
    logits = np.array(c.logits)
    for b, (frames, labels) in enumerate(ROWS):
        path = [*c.labels[b, :labels], *[0] * 8][:frames]
        logits[b, np.arange(frames), path] += scale
    c = c._replace(logits=jnp.asarray(logits))
    assert_answers(implementation, c)
    if scale == 1e4:
        assert_same(answer(implementation, c)[0], np.where(ALIGNED, 0, np.inf))


@every_implementation
def test_a_row_that_must_pass_what_a_frame_hardly_allows(implementation):
    """Each frame prefers the blank by 200, and each label is needed once."""
    c = case()
    c = c._replace(logits=c.logits + jnp.array([200.0, 0, 0, 0, 0]))
    assert_answers(implementation, c)
    assert aligned(implementation, c) == ALIGNED.tolist()


@every_implementation
@pytest.mark.parametrize("dtype", ROUNDED)
def test_logits_may_be_rounded_and_losses_are_not(implementation, dtype):
    """Against float64 on the logits that the dtype can hold."""
    assert_answers(implementation, case(dtype=jnp.dtype(dtype)), ROUNDED[dtype])


@every_implementation
@pytest.mark.parametrize("dtype", ROUNDED)
def test_rounded_logits_may_be_impossible(implementation, dtype):
    labels = [[1, 2, 1, 2]] * 8
    c = without(case(labels=labels), (EVERY, EVERY, 3), (0, 2, 0), (1, EVERY, 2))
    c = c._replace(logits=c.logits.astype(dtype))
    assert_answers(implementation, c, ROUNDED[dtype])
    assert aligned(implementation, c)[:2] == [True, False]


@every_implementation
@pytest.mark.parametrize("invalid", [np.nan, np.inf])
@pytest.mark.parametrize("of_a_label", [True, False])
def test_what_is_no_logit_makes_its_own_row_nan(implementation, invalid, of_a_label):
    c = case()
    number = int(c.labels[0, 1]) if of_a_label else 0
    logits = np.array(c.logits)
    logits[0, 3, number] = logits[2, 4, 0] = logits[7, 0, 4] = invalid
    losses, gradients = map(np.asarray, answer(implementation, c))
    found, found_gradients = map(
        np.asarray, answer(implementation, c._replace(logits=jnp.asarray(logits)))
    )
    broken = np.isin(np.arange(8), [0, 2, 7])
    assert_same(np.isnan(found), broken)
    assert np.all(np.any(np.isnan(found_gradients), axis=(1, 2)) == broken)
    assert_same((found[~broken], found_gradients[~broken]), (losses[~broken], gradients[~broken]))


@every_implementation
def test_a_row_that_cannot_be_aligned_leaves_the_others_alone(implementation):
    """Nor does its own share of a gradient matter."""
    c = case()
    told = c._replace(cotangents=jnp.where(ALIGNED, c.cotangents, 1e30))
    assert_same(answer(implementation, told), answer(implementation, c))
    alone = [(frames, labels) if labels <= frames else (0, 0) for frames, labels in ROWS]
    losses, gradients = answer(implementation, c)
    found, found_gradients = answer(implementation, case(alone))
    assert_same(found[ALIGNED], losses[ALIGNED])
    assert_same(found_gradients, gradients)


@every_implementation
def test_the_loss_alone_is_the_loss_with_a_gradient(implementation):
    c = case()
    alone = loss(implementation, *c.operands[:4])
    assert_close(alone, answer(implementation, c)[0], FLOAT32)
    assert_close(alone, expect(c)[0], FLOAT32)


@every_implementation
def test_lists_numpy_and_device_arrays_do_the_same(implementation):
    c = case()
    expected = loss(implementation, *c.operands[:4])
    _, lengths, labels, sizes = c[:4]
    for operands in (
        (lengths.tolist(), labels.tolist(), sizes.tolist()),
        (lengths, labels, sizes),
        (lengths.astype(np.int64), labels.astype(np.int64), sizes.astype(np.uint8)),
        (jnp.asarray(lengths), labels, sizes),
        (lengths, jnp.asarray(labels), sizes),
    ):
        assert_same(loss(implementation, np.asarray(c.logits), *operands), expected)


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["host", "device"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "uint32"])
def test_labels_of_any_integer(place, dtype):
    c = case()
    labels = np.where(c.labels < 0, 0, c.labels % 100)
    found = loss("reference", c.logits, c[1], place(labels.astype(dtype)), c[3])
    assert_same(found, loss("reference", c.logits, c[1], c.labels, c[3]))


@every_implementation
def test_twice_is_the_same_to_the_last_bit(implementation):
    c = case()
    assert_same(answer(implementation, c), answer(implementation, c))


@every_implementation
def test_float32_stays_float32_where_float64_is_enabled(implementation):
    c = case()
    with jax.enable_x64(True):
        assert_answers(implementation, c)


@every_implementation
def test_a_frame_of_nan_alone_makes_its_row_nan(implementation):
    """Wide enough for a CPU's maximum to pass over NaN."""
    logits = np.zeros((2, 4, 29), np.float32)
    logits[0, 1] = np.nan
    with served_by(implementation) as name:
        found = ctc_loss(logits, [4, 4], [[1], [1]], [1, 1], implementation=name)
    assert_same(np.isnan(found), np.array([True, False]))
