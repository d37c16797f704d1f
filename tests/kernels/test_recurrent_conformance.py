"""Every kernel in every implementation answers as the papers' loops do, whatever the lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import (
    HIDDEN,
    LENGTHS,
    TIME,
    answer,
    assert_close,
    assert_same,
    case,
    every_cell,
    every_implementation,
    every_one_way,
    every_subject,
    respond,
    truth,
)
from tolerances import (
    BFLOAT16,
    BFLOAT16_GRADIENT,
    FLOAT16,
    FLOAT16_GRADIENT,
    FLOAT32,
    FLOAT32_GRADIENT,
    FLOAT64_RECURRENT,
)

TOLERANCES = {
    "float32": (FLOAT32, FLOAT32_GRADIENT),
    "bfloat16": (BFLOAT16, BFLOAT16_GRADIENT),
    "float16": (FLOAT16, FLOAT16_GRADIENT),
}


@every_subject
@every_implementation
def test_float64_is_the_oracle(subject, implementation):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        found, gradients = answer(subject.by(implementation), c)
    expected = subject.expect(*c.operands, c.lengths)
    assert_close(found, expected, FLOAT64_RECURRENT)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    assert {leaf.dtype for leaf in jax.tree.leaves((found, gradients))} == {np.dtype(np.float64)}


@every_one_way
def test_float32_loses_rounding_alone(subject):
    c = case(subject)
    found, gradients = answer(subject, c)
    assert_close(found, subject.expect(*c.operands, c.lengths), FLOAT32)
    assert_close(gradients, truth(subject, c)[1], FLOAT32_GRADIENT)


@every_cell
@pytest.mark.parametrize(
    ("implementation", "weights", "inputs"),
    [
        ("accelerator", "float32", "float32"),
        ("scan", "bfloat16", "bfloat16"),
        ("accelerator", "bfloat16", "bfloat16"),
        ("reference", "bfloat16", "bfloat16"),
        ("scan", "float32", "bfloat16"),
        ("scan", "float16", "float16"),
    ],
)
def test_operands_are_rounded_and_states_are_not(subject, implementation, weights, inputs):
    """Against float64 on the operands that the dtypes can hold."""
    c = case(subject, dtype=jnp.dtype(inputs))
    c = c._replace(params=jax.tree.map(lambda p: p.astype(weights), c.params))
    (ys, state), (dparams, dxs, dinitial) = answer(subject.by(implementation), c)
    assert ys.dtype == dxs.dtype == jnp.dtype(inputs)
    assert {leaf.dtype for leaf in dparams} == {jnp.dtype(weights)}
    assert {leaf.dtype for leaf in (*state, *dinitial)} == {np.dtype(np.float32)}
    values, gradients = TOLERANCES[inputs]
    expected, expected_gradients = truth(subject, c)
    assert_close((ys, state), expected, values)
    assert_close((dparams, dxs, dinitial), expected_gradients, gradients)


@every_subject
@every_implementation
def test_a_row_of_length_0_keeps_its_state(subject, implementation):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        (ys, state), (_, dxs, dinitial) = answer(subject.by(implementation), c)
    empty = int(np.argmin(LENGTHS))
    assert not np.any(ys[empty])
    assert not np.any(dxs[empty])
    kept, handed_on = (
        jax.tree.map(lambda s: s[empty], tree)
        for tree in ((state, dinitial), (c.initial, c.cotangents[1]))
    )
    assert_same(kept, handed_on)


@every_subject
@every_implementation
def test_padding_is_zero_and_its_gradient_too(subject, implementation):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        (ys, _), (_, dxs, _) = answer(subject.by(implementation), c)
    padding = np.arange(TIME) >= LENGTHS[:, None]
    assert not np.any(np.asarray(ys)[padding])
    assert not np.any(np.asarray(dxs)[padding])
    assert np.all(np.asarray(ys)[~padding])
    assert np.all(np.asarray(dxs)[~padding])


@every_subject
def test_no_lengths_are_full_lengths(subject):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64, lengths=[TIME] * 4)
        without = respond(subject)(*c.operands, None, c.cotangents)
        assert_close(without, answer(subject, c), FLOAT64_RECURRENT)


@every_subject
def test_called_plainly_with_lists_and_numpy_it_does_the_same(subject):
    c = case(subject)
    expected = subject.expect(*c.operands, c.lengths)
    on_host = jax.tree.map(np.asarray, c.operands)
    for lengths in (
        list(map(int, LENGTHS)),
        LENGTHS,
        LENGTHS.astype(np.int64),
        jnp.asarray(LENGTHS),
    ):
        assert_close(subject.run(*on_host, lengths=lengths), expected, FLOAT32)


@every_subject
@every_implementation
def test_traced_lengths_are_clipped(subject, implementation):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        beyond = c._replace(lengths=LENGTHS + np.array([9, 0, 0, -9], np.int32))
        served = subject.by(implementation)
        assert_same(answer(served, beyond), answer(served, c))


@every_subject
@every_implementation
def test_nothing_to_read_returns_the_initial_state(subject, implementation):
    c, served = case(subject), subject.by(implementation)
    for rows, steps in ((2, 0), (0, 3), (0, 0)):
        initial = jax.tree.map(lambda s, rows=rows: s[:rows], c.initial)
        xs = c.xs[:rows, :steps]
        ys, state = served.run(c.params, xs, initial, lengths=[0] * rows)
        assert ys.shape == (rows, steps, HIDDEN * (2 if subject.direction == "both" else 1))
        assert_same(state, initial)


@every_one_way
@every_implementation
def test_the_whole_is_two_parts_wherever_it_is_cut(subject, implementation):
    """The state after one part begins the other; its gradient ends the way back."""
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64, lengths=[6, 3, 1, 5])
        served = subject.by(implementation)
        whole = answer(served, c)
        for cut in range(TIME + 1):
            assert_close(_in_parts(served, c, cut), whole, FLOAT64_RECURRENT)


def _in_parts(subject, c, cut):
    """The answer and the gradients to a case that is read up to a step, then from it on."""
    left, right = _left(c, cut), _right(c, cut)
    first, second = (right, left) if subject.direction == "reverse" else (left, right)
    (_, between), _ = answer(subject, first)
    second = second._replace(initial=between)
    (_, last), (dparams_2, _, dbetween) = answer(subject, second)
    first = first._replace(cotangents=(first.cotangents[0], dbetween))
    _, (dparams_1, _, dinitial) = answer(subject, first)
    parts = (second, first) if subject.direction == "reverse" else (first, second)
    (ys, dxs), (ys_after, dxs_after) = (
        (found[0], gradients[1]) for found, gradients in (answer(subject, p) for p in parts)
    )
    dparams = jax.tree.map(jnp.add, dparams_1, dparams_2)
    return (_join(ys, ys_after, cut), last), (dparams, _join(dxs, dxs_after, cut), dinitial)


def _left(c, cut):
    return c._replace(lengths=np.minimum(c.lengths, cut))


def _right(c, cut):
    """Rows from a step on, moved to the front: the shape stays, and with it the program."""
    dys, dstate = c.cotangents
    lengths = np.maximum(c.lengths - cut, 0)
    moved = (jnp.roll(dys, -cut, axis=1), dstate)
    return c._replace(xs=jnp.roll(c.xs, -cut, axis=1), lengths=lengths, cotangents=moved)


def _join(left, right, cut):
    return jnp.where(jnp.arange(TIME)[:, None] < cut, left, jnp.roll(right, cut, axis=1))
