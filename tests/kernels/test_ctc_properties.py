"""What holds of the CTC loss whatever the shapes, the lengths, the labels and the numbers."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.ctc_cases import (
    IMPLEMENTATIONS,
    Shape,
    answer,
    case,
    every_implementation,
    expect,
    padding,
)
from kernels.recurrent_cases import assert_close, assert_same
from oracles import ctc as oracle
from tolerances import FLOAT32, FLOAT32_GRADIENT, FLOAT64

BATCH, SHAPE, BLANK = 4, Shape(frames=7, labels=4, classes=4), 1
OTHERS = [k for k in range(SHAPE.classes) if k != BLANK]

any_seed = st.integers(0, 2**16)
any_scale = st.sampled_from([0.1, 1.0, 8.0])


def rows_of(shape, batch):
    """Frames and labels of each row."""
    row = st.tuples(st.integers(0, shape.frames), st.integers(0, shape.labels))
    return st.lists(row, min_size=batch, max_size=batch)


def labels_of(shape, batch, blank):
    """Few classes, so that many labels repeat their neighbour."""
    label = st.sampled_from([k for k in range(shape.classes) if k != blank][:3])
    row = st.lists(label, min_size=shape.labels, max_size=shape.labels)
    rows = st.lists(row, min_size=batch, max_size=batch)
    return rows.map(lambda drawn: np.array(drawn, np.int32).reshape(batch, shape.labels))


@st.composite
def any_cases(draw, shape=SHAPE, batch=BATCH, blank=BLANK):
    rows, labels = draw(rows_of(shape, batch)), draw(labels_of(shape, batch, blank))
    return case(
        rows, shape=shape, labels=labels, blank=blank, seed=draw(any_seed), scale=draw(any_scale)
    )


any_case = any_cases()


def assert_answers(implementation, c):
    losses, gradients = answer(implementation, c)
    expected, expected_gradients = expect(c)
    assert_close(losses, expected, FLOAT32)
    assert_close(gradients, expected_gradients, FLOAT32_GRADIENT)


@settings(max_examples=30)
@given(
    frames=st.integers(0, 5),
    labels=st.lists(st.sampled_from([0, 2]), max_size=4),
    scale=any_scale,
    seed=any_seed,
)
def test_the_oracle_is_the_sum_over_all_paths(frames, labels, scale, seed):
    logits = np.random.default_rng(seed).normal(size=(frames, 3), scale=scale)
    found = oracle.loss_and_gradient(logits, labels, BLANK)
    assert_close(found, oracle.loss_and_gradient_by_paths(logits, labels, BLANK), FLOAT64)


@every_implementation
@settings(max_examples=20)
@given(c=any_case)
def test_any_rows_agree_with_the_oracle(implementation, c):
    assert_answers(implementation, c)


# Those shapes that are drawn once are compiled once: few sizes, the smallest among them.
any_shape = st.builds(
    Shape,
    frames=st.sampled_from([1, 2, 9]),
    labels=st.sampled_from([0, 1, 5]),
    classes=st.sampled_from([2, 6]),
)


@settings(max_examples=6)
@given(implementation=st.sampled_from(IMPLEMENTATIONS), shape=any_shape, data=st.data())
def test_any_shape_agrees_with_the_oracle(implementation, shape, data):
    blank = data.draw(st.sampled_from([0, shape.classes - 1]))
    assert_answers(implementation, data.draw(any_cases(shape, 3, blank)))


@every_implementation
@settings(max_examples=5)
@given(c=any_case)
def test_the_gradient_of_a_frame_sums_to_0(implementation, c):
    _, gradients = answer(implementation, c)
    sums = np.sum(np.asarray(gradients), axis=2)
    assert_close(sums, np.zeros_like(sums), FLOAT32_GRADIENT)


@every_implementation
@settings(max_examples=5)
@given(c=any_case, seed=any_seed)
def test_a_constant_added_to_a_frame_does_not_matter(implementation, c, seed):
    constants = np.random.default_rng(seed).integers(-4000, 4001, size=(BATCH, SHAPE.frames, 1))
    c = c._replace(logits=jnp.round(c.logits * 256) / 256)  # so that the sum is exact
    moved = c._replace(logits=c.logits + jnp.float32(constants))
    assert_close(answer(implementation, moved), answer(implementation, c), FLOAT32_GRADIENT)


@every_implementation
@settings(max_examples=5)
@given(c=any_case, order=st.permutations(OTHERS))
def test_classes_may_be_numbered_in_any_way(implementation, c, order):
    """Number k takes the place of number order[k]; labels follow, and so does the gradient."""
    old = np.arange(SHAPE.classes)
    old[OTHERS] = order
    new = np.argsort(old)
    known = (c.labels >= 0) & (c.labels < SHAPE.classes)
    labels = np.where(known, new[np.where(known, c.labels, 0)], c.labels)
    numbered = c._replace(logits=c.logits[..., old], labels=labels.astype(np.int32))
    losses, gradients = answer(implementation, c)
    expected = losses, gradients[..., old]
    assert_close(answer(implementation, numbered), expected, FLOAT32_GRADIENT)


@every_implementation
@settings(max_examples=5)
@given(c=any_case)
def test_more_padding_does_not_matter(implementation, c):
    wider = c._replace(
        logits=jnp.pad(c.logits, ((0, 0), (0, 4), (0, 0)), constant_values=np.nan),
        labels=np.pad(c.labels, ((0, 0), (0, 14)), constant_values=10**6),
    )
    losses, gradients = answer(implementation, wider)
    found = losses, gradients[:, : SHAPE.frames]
    assert_close(found, answer(implementation, c), FLOAT32_GRADIENT)
    assert not np.any(gradients[:, SHAPE.frames :])


@every_implementation
@settings(max_examples=5)
@given(c=any_case, filling=st.sampled_from([np.inf, -np.inf, 0.0, 1e30]), label=st.integers(-3, 9))
def test_what_stands_in_the_padding_does_not_matter(implementation, c, filling, label):
    behind = np.arange(SHAPE.labels) >= c.label_lengths[:, None]
    filled = c._replace(
        logits=jnp.where(padding(c)[..., None], jnp.float32(filling), c.logits),
        labels=np.where(behind, np.int32(label), c.labels),
    )
    assert_same(answer(implementation, filled), answer(implementation, c))


@every_implementation
@settings(max_examples=5)
@given(c=any_case)
def test_a_batch_is_its_rows(implementation, c):
    losses, gradients = answer(implementation, c)
    for row in range(BATCH):
        alone = c._replace(**{name: getattr(c, name)[row : row + 1] for name in c._fields[:5]})
        expected = losses[row : row + 1], gradients[row : row + 1]
        assert_close(answer(implementation, alone), expected, FLOAT32_GRADIENT)


@every_implementation
@pytest.mark.parametrize("far", [np.nan, -np.inf, 1e30])
@settings(max_examples=5)
@given(c=any_case, row=st.integers(0, BATCH - 1))
def test_rows_do_not_meet(implementation, far, c, row):
    """Whatever one of them holds, to the last bit of the others."""
    changed = c._replace(logits=c.logits.at[row].set(far), cotangents=c.cotangents.at[row].set(far))
    others = np.arange(BATCH) != row
    (losses, gradients), (found, found_gradients) = (
        answer(implementation, each) for each in (c, changed)
    )
    expected = losses[others], gradients[others]
    assert_same((found[others], found_gradients[others]), expected)
