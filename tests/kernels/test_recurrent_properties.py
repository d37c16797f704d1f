"""What holds of every recurrent kernel whatever the shapes, the lengths and the numbers."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.recurrent_cases import (
    BATCH,
    SUBJECTS,
    TIME,
    Shape,
    answer,
    assert_close,
    assert_same,
    case,
    every_implementation,
    every_subject,
)
from tolerances import FLOAT64_DIFFERENCES, FLOAT64_RECURRENT

any_seed = st.integers(0, 2**16)
any_step = st.integers(0, TIME)
any_lengths = st.lists(any_step, min_size=BATCH, max_size=BATCH)
# Those shapes that are drawn once are compiled once: few sizes, the smallest among them.
any_shape = st.builds(
    Shape,
    time=st.sampled_from([1, 2, 7]),
    inputs=st.sampled_from([1, 4]),
    hidden=st.just(1) | st.just(3),
)


def double(subject, **options):
    return case(subject, dtype=jnp.float64, **options)


@every_subject
@every_implementation
@settings(max_examples=8)
@given(lengths=any_lengths, seed=any_seed)
def test_any_rows_agree_with_the_oracle(subject, implementation, lengths, seed):
    with jax.enable_x64(True):
        c = double(subject, lengths=lengths, seed=seed)
        found, gradients = answer(subject.by(implementation), c)
        assert_close(found, subject.expect(*c.operands, c.lengths), FLOAT64_RECURRENT)
        assert_close(*_slopes(subject, c, gradients, seed), _without_eps(FLOAT64_DIFFERENCES))


@settings(max_examples=10)
@given(
    subject=st.sampled_from(SUBJECTS), shape=any_shape, rows=st.sampled_from([1, 3]), data=st.data()
)
def test_any_shape_agrees_with_the_oracle(subject, shape, rows, data):
    length = st.integers(0, shape.time)
    lengths = data.draw(st.lists(length, min_size=rows, max_size=rows))
    seed = data.draw(any_seed)
    with jax.enable_x64(True):
        c = double(subject, lengths=lengths, shape=shape, seed=seed)
        found, gradients = answer(subject, c)
        assert_close(found, subject.expect(*c.operands, c.lengths), FLOAT64_RECURRENT)
        assert_close(*_slopes(subject, c, gradients, seed), _without_eps(FLOAT64_DIFFERENCES))


def _slopes(subject, c, gradients, seed):
    """The slope of cotangents times answer in a random direction: by gradients, by the oracle."""
    rng, eps = np.random.default_rng(seed), FLOAT64_DIFFERENCES["eps"]
    direction = jax.tree.map(lambda a: rng.normal(size=a.shape), c.operands)
    # NaN times the zero of padding is no part of the slope.
    weights = [np.nan_to_num(leaf) for leaf in jax.tree.leaves(c.cotangents)]

    def total(step):
        moved = jax.tree.map(lambda a, d: np.asarray(a) + step * d, c.operands, direction)
        leaves = jax.tree.leaves(subject.expect(*moved, c.lengths))
        return sum(np.sum(leaf * w) for leaf, w in zip(leaves, weights, strict=True))

    products = jax.tree.map(lambda g, d: np.sum(np.asarray(g) * d), gradients, direction)
    return sum(jax.tree.leaves(products)), (total(eps) - total(-eps)) / (2 * eps)


def _without_eps(tolerance):
    return {name: value for name, value in tolerance.items() if name != "eps"}


@every_subject
@every_implementation
@settings(max_examples=5)
@given(lengths=any_lengths, filling=st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e300]))
def test_what_stands_in_the_padding_does_not_matter(subject, implementation, lengths, filling):
    with jax.enable_x64(True):
        c, served = double(subject, lengths=lengths), subject.by(implementation)
        padding = np.arange(TIME)[:, None] >= np.array(lengths)[:, None, None]
        dys, dstate = c.cotangents
        filled = c._replace(
            xs=jnp.where(padding, filling, c.xs),
            cotangents=(jnp.where(padding, filling, dys), dstate),
        )
        assert_same(answer(served, filled), answer(served, c))


@every_subject
@every_implementation
@settings(max_examples=5)
@given(step=st.integers(1, TIME - 1), seed=any_seed)
def test_the_future_does_not_matter(subject, implementation, step, seed):
    """What a direction has not read yet changes none of its outputs; what it has read does."""
    with jax.enable_x64(True):
        c = double(subject, lengths=[TIME] * BATCH, seed=seed)
        served, late = subject.by(implementation), np.arange(TIME)[:, None] >= step
        (ys, _), _ = answer(served, c)
        by_late, by_early = (
            answer(served, c._replace(xs=c.xs + where))[0][0] - ys for where in (late, ~late)
        )
    there, back = (
        _directions(subject, np.asarray(by_late)),
        _directions(subject, np.asarray(by_early)),
    )
    if subject.direction != "reverse":
        _assert_untouched(there[0][:, :step], there[0][:, step:])
    if subject.direction != "forward":
        _assert_untouched(back[-1][:, step:], back[-1][:, :step])


def _directions(subject, ys):
    return np.split(ys, 2, axis=-1) if subject.direction == "both" else [ys]


def _assert_untouched(before, after):
    assert not np.any(before)
    assert np.all(after)


@every_subject
@every_implementation
@settings(max_examples=5)
@given(row=st.integers(0, BATCH - 1), lengths=any_lengths)
def test_rows_do_not_meet(subject, implementation, row, lengths):
    """Without one row's output gradients, every other row's gradients stay as they are."""
    with jax.enable_x64(True):
        c, served = double(subject, lengths=lengths), subject.by(implementation)
        others = np.arange(BATCH) != row
        silent = jax.tree.map(lambda d: d.at[row].set(0), (c.cotangents, c.xs))
        changed = c._replace(cotangents=silent[0], xs=silent[1])
        found, expected = (
            jax.tree.map(lambda leaf: leaf[others], (values, gradients[1:]))
            for values, gradients in (answer(served, changed), answer(served, c))
        )
        assert_close(found, expected, FLOAT64_RECURRENT)
