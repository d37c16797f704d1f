"""Every kernel in every implementation: the oracle, the gradients, and what lengths promise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from kernels.recurrent_cases import HIDDEN, IMPLEMENTATIONS, LENGTHS, SUBJECTS, TIME, case, scalar
from oracles import recurrent as oracle
from tolerances import (
    BFLOAT16,
    FLOAT32,
    FLOAT32_DIFFERENCES,
    FLOAT32_GRADIENT,
    FLOAT64,
    FLOAT64_DIFFERENCES,
)

every_kernel = pytest.mark.parametrize("name", SUBJECTS)
every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
both_directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])


def loss(name, lengths, reverse, implementation, params, xs, initial):
    run = functools.partial(SUBJECTS[name].run, reverse=reverse, implementation=implementation)
    return scalar(*run(params, xs, initial, lengths=lengths))


def gradients(name, lengths, reverse, implementation):
    run = functools.partial(loss, name, lengths, reverse, implementation)
    return jax.jit(jax.grad(run, (0, 1, 2)))


def assert_close(found, expected, tolerance):
    found, expected = jax.tree.leaves(found), jax.tree.leaves(expected)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            np.asarray(f, np.float64), np.asarray(e, np.float64), **tolerance
        )


@every_kernel
@every_implementation
@both_directions
def test_agrees_with_the_oracle_and_ignores_padding(name, implementation, reverse):
    c = case(name)
    expected = oracle.run(SUBJECTS[name].oracle, *c, reverse=reverse)
    found = SUBJECTS[name].run(
        *c[:3], lengths=c.lengths, reverse=reverse, implementation=implementation
    )
    assert_close(found, expected, FLOAT32)
    assert isinstance(found[1], SUBJECTS[name].state)


@every_kernel
@every_implementation
@both_directions
def test_agrees_with_the_oracle_in_float64(name, implementation, reverse):
    with jax.enable_x64(True):
        c = case(name, dtype=jnp.float64)
        expected = oracle.run(SUBJECTS[name].oracle, *c, reverse=reverse)
        found = SUBJECTS[name].run(
            *c[:3], lengths=c.lengths, reverse=reverse, implementation=implementation
        )
        assert found[0].dtype == found[1].h.dtype == jnp.float64
        assert_close(found, expected, FLOAT64)


@every_kernel
@both_directions
def test_gradients_against_differences(name, reverse):
    with jax.enable_x64(True):
        c = case(name, dtype=jnp.float64)
        run = jax.jit(functools.partial(loss, name, c.lengths, reverse, "scan"))
        xs = jnp.nan_to_num(c.xs)
        check_grads(run, (c.params, xs, c.initial), 1, modes=["rev"], **FLOAT64_DIFFERENCES)


@every_kernel
def test_the_reference_has_forward_mode_and_second_order(name):
    c = case(name, lengths=[3, 2], time=3)
    run = jax.jit(functools.partial(loss, name, c.lengths, False, "reference"))
    xs = jnp.nan_to_num(c.xs)
    check_grads(run, (c.params, xs, c.initial), 2, **FLOAT32_DIFFERENCES)


@every_kernel
@both_directions
@pytest.mark.parametrize("full", [True, False], ids=["full", "ragged"])
def test_gradients_are_those_of_autodiff_and_free_of_padding(name, reverse, full):
    c = case(name, lengths=[TIME] * 3 if full else LENGTHS)
    lengths = None if full else c.lengths
    found, expected = (
        gradients(name, lengths, reverse, implementation)(*c[:3])
        for implementation in IMPLEMENTATIONS
    )
    assert_close(found, expected, FLOAT32_GRADIENT)
    behind = np.arange(TIME) >= c.lengths[:, None]
    assert not np.any(np.asarray(found[1])[behind])


@every_kernel
@every_implementation
def test_the_whole_is_two_halves(name, implementation):
    c = case(name, lengths=[TIME] * 3)
    run = functools.partial(SUBJECTS[name].run, implementation=implementation)

    def halves(params, xs, initial):
        first, middle = run(params, xs[:, :2], initial)
        second, last = run(params, xs[:, 2:], middle)
        return jnp.concatenate([first, second], axis=1), last

    assert_close(run(*c[:3]), halves(*c[:3]), FLOAT32)
    whole, parts = (
        jax.jit(jax.grad(lambda *a, f=f: scalar(*f(*a)), (0, 1, 2)))(*c[:3]) for f in (run, halves)
    )
    assert_close(whole, parts, FLOAT32_GRADIENT)


@every_kernel
@every_implementation
def test_bfloat16_rounds_products_and_keeps_the_state(name, implementation):
    c = case(name, dtype=jnp.bfloat16)
    ys, state = SUBJECTS[name].run(*c[:3], lengths=c.lengths, implementation=implementation)
    assert ys.dtype == jnp.bfloat16
    assert {s.dtype for s in state} == {jnp.dtype(jnp.float32)}
    assert_close((ys, state), oracle.run(SUBJECTS[name].oracle, *c), BFLOAT16)


@every_kernel
def test_lists_arrays_and_traced_lengths_are_one(name):
    c = case(name)
    run = functools.partial(SUBJECTS[name].run, *c[:3])
    expected = run(lengths=c.lengths)
    assert_close(run(lengths=list(map(int, c.lengths))), expected, FLOAT32)
    assert_close(run(lengths=jnp.asarray(c.lengths)), expected, FLOAT32)
    beyond = jnp.asarray(c.lengths) + jnp.array([9, 0, 0, -9])
    assert_close(jax.jit(lambda n: run(lengths=n))(beyond), expected, FLOAT32)


@every_kernel
@every_implementation
@pytest.mark.parametrize("shape", [(2, 0), (0, 3)], ids=["no steps", "no rows"])
def test_nothing_to_read_returns_the_initial_state(name, implementation, shape):
    c = case(name, lengths=[0] * shape[0], time=shape[1])
    ys, state = SUBJECTS[name].run(*c[:3], implementation=implementation)
    assert ys.shape == (*shape, HIDDEN)
    assert_close(state, c.initial, FLOAT32)
    gradient, *_ = gradients(name, None, False, implementation)(*c[:3])
    assert all(not np.any(g) for g in gradient)


@settings(max_examples=12)
@given(st.data())
def test_any_shape_agrees_with_the_oracle(data):
    name = data.draw(st.sampled_from(list(SUBJECTS)))
    time = data.draw(st.integers(1, 4))
    lengths = data.draw(st.lists(st.integers(0, time), min_size=1, max_size=3))
    reverse = data.draw(st.booleans())
    c = case(name, lengths=lengths, time=time, seed=data.draw(st.integers(0, 99)))
    found = SUBJECTS[name].run(*c[:3], lengths=c.lengths, reverse=reverse)
    assert_close(found, oracle.run(SUBJECTS[name].oracle, *c, reverse=reverse), FLOAT32)


@every_kernel
def test_the_future_does_not_matter(name):
    c = case(name, lengths=[TIME] * 2)
    changed = c.xs.at[:, 3:].add(1.0)
    before, after = (SUBJECTS[name].run(c.params, xs, c.initial)[0] for xs in (c.xs, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.all(np.any(np.asarray(before[:, 3:]) != np.asarray(after[:, 3:]), axis=-1))
