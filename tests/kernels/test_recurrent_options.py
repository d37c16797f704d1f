"""Starts, masks and zoneout in every cell, and the LSTM's variants, against the papers' loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_vjp
from kernels.options_cases import ALL, Asked, every_cell, every_one, some_cells
from kernels.recurrent_cases import (
    EVERY_CELL,
    LENGTHS,
    TIME,
    Subject,
    answer,
    assert_close,
    assert_same,
    respond,
    truth,
)
from tolerances import (
    BFLOAT16,
    BFLOAT16_GRADIENT,
    FLOAT32,
    FLOAT32_GRADIENT,
    FLOAT64_DIFFERENCES,
    FLOAT64_RECURRENT,
)


def assert_is_the_oracle(asked):
    """Values, and gradients as differences of the paper's loop."""
    with jax.enable_x64(True):
        c = asked.case(dtype=jnp.float64)
        found, gradients = asked.answer(c)
        expected = asked.expect(c)
        assert_close(found, expected, FLOAT64_RECURRENT)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves((found, gradients)))

        def oracle(*operands):
            with_these = c._replace(**dict(zip(("params", "xs", "initial"), operands, strict=True)))
            return jax.tree.map(jnp.asarray, asked.expect(with_these))

        def kernel_vjp(*operands):
            program, lengths = respond(asked.subject), jnp.asarray(c.lengths)
            more = asked.by_name()
            pull = lambda cotangents: program(*operands, lengths, cotangents, more)[1]  # noqa: E731
            return program(*operands, lengths, c.cotangents, more)[0], pull

        check_vjp(oracle, kernel_vjp, c.operands, **FLOAT64_DIFFERENCES)


@every_one
def test_it_is_the_oracle_gradients_included(asked):
    assert_is_the_oracle(asked)


@every_cell
@pytest.mark.parametrize("implementation", ["accelerator", "reference"])
def test_every_implementation_is_the_oracle(asked, implementation):
    assert_is_the_oracle(asked.by(implementation))


@some_cells
def test_large_weights_are_multiplied_from_the_left(asked):
    assert_is_the_oracle(asked.by("large"))


@some_cells
def test_float32_loses_rounding_alone(asked):
    c = asked.case()
    found, gradients = asked.answer(c)
    assert_close(found, asked.expect(c), FLOAT32)
    assert_close(gradients, truth(asked.subject, c, asked.by_name())[1], FLOAT32_GRADIENT)


@some_cells
@pytest.mark.parametrize("implementation", ["scan", "accelerator"])
def test_bfloat16_rounds_operands_and_no_state(asked, implementation):
    served = asked.by(implementation)
    c = served.case(dtype=jnp.bfloat16)
    (ys, state), gradients = served.answer(c)
    assert ys.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in state)
    assert [g.dtype for g in gradients[0]] == [p.dtype for p in c.params]
    expected, expected_gradients = truth(served.subject, c, served.by_name())
    assert_close((ys, state), expected, BFLOAT16)
    assert_close(gradients, expected_gradients, BFLOAT16_GRADIENT)


@every_one
def test_what_stands_in_the_padding_does_not_matter(asked):
    """Neither of numbers, which are NaN there in every case, nor of starts and masks."""
    padding = np.arange(TIME) >= LENGTHS[:, None]

    def other(rows):
        if np.shape(rows)[:2] != padding.shape:
            return rows
        return rows ^ padding.reshape(padding.shape + (1,) * (rows.ndim - 2))

    with jax.enable_x64(True):
        c = asked.case(dtype=jnp.float64)
        assert_same(asked.answer(c, jax.tree.map(other, asked.by_name())), asked.answer(c))


@every_cell
def test_the_whole_is_two_parts_wherever_it_is_cut(asked):
    with jax.enable_x64(True):
        c = asked.case(dtype=jnp.float64, lengths=[6, 3, 1, 5])
        whole, more = asked.answer(c), asked.by_name()
        for cut in range(1, TIME):
            assert_close(_in_parts(asked, c, more, cut), whole, FLOAT64_RECURRENT)


def _in_parts(asked, c, more, cut):
    """Up to a step, then from it on: the state passes on, and its gradient back."""
    dys, dstate = c.cotangents
    left = c._replace(lengths=np.minimum(c.lengths, cut))
    (_, between), _ = asked.answer(left, more)
    right = c._replace(
        xs=jnp.roll(c.xs, -cut, axis=1),
        initial=between,
        lengths=np.maximum(c.lengths - cut, 0),
        cotangents=(jnp.roll(dys, -cut, axis=1), dstate),
    )
    (ys_after, last), (dparams_2, dxs_after, dbetween) = asked.answer(right, _rolled(more, cut))
    left = left._replace(cotangents=(dys, dbetween))
    (ys, _), (dparams_1, dxs, dinitial) = asked.answer(left, more)
    ys, dxs = (
        jnp.where(jnp.arange(TIME)[:, None] < cut, a, jnp.roll(b, cut, axis=1))
        for a, b in ((ys, ys_after), (dxs, dxs_after))
    )
    return (ys, last), (jax.tree.map(jnp.add, dparams_1, dparams_2), dxs, dinitial)


def _rolled(more, cut):
    """What is asked of each step, from a step on."""
    steps = {n: more[n] for n in ("starts", "zoneout") if n in more}
    return more | jax.tree.map(lambda rows: jnp.roll(rows, -cut, axis=1), steps)


@pytest.mark.parametrize(
    ("cell", "direction"),
    [*((cell, "forward") for cell in EVERY_CELL), ("lstm", "reverse"), ("gru", "both")],
)
def test_sequences_in_one_row_are_sequences_in_rows_of_their_own(cell, direction):
    """Two in each row, behind one another; no state and no gradient passes between them."""
    subject = Subject(cell, direction)
    with jax.enable_x64(True):
        c = Asked(subject, ()).case(dtype=jnp.float64, lengths=[6, 6, 6, 6])
        starts = jnp.asarray(np.arange(TIME) == 4)[None].repeat(4, axis=0)
        nothing = jax.tree.map(jnp.zeros_like, c.initial)
        c = c._replace(initial=nothing, cotangents=(c.cotangents[0], nothing))
        packed = answer(subject, c, {"starts": starts})
        first = answer(subject, c._replace(lengths=np.full(4, 4, np.int32)))
        second = answer(subject, _from(c, 4))
    (ys, _), (dparams, dxs, _) = packed
    for whole, of_first, of_second in (
        (ys, first[0][0], second[0][0]),
        (dxs, first[1][1], second[1][1]),
    ):
        assert_close(whole[:, :4], of_first[:, :4], FLOAT64_RECURRENT)
        assert_close(whole[:, 4:], of_second[:, :2], FLOAT64_RECURRENT)
    assert_close(dparams, jax.tree.map(np.add, first[1][0], second[1][0]), FLOAT64_RECURRENT)


def _from(c, step):
    dys, dstate = c.cotangents
    moved = (jnp.roll(dys, -step, axis=1), dstate)
    lengths = np.asarray(c.lengths - step, np.int32)
    return c._replace(xs=jnp.roll(c.xs, -step, axis=1), lengths=lengths, cotangents=moved)


@some_cells
def test_windows_hand_on_the_state_and_no_gradient(asked):
    """Truncated windows: values are the whole's; gradients those of each window by itself.

    A row whose text begins anew in the second window forgets the first.
    """
    kernel, anew = asked.subject.run, jnp.asarray([False, True, False, True])
    c = asked.case(lengths=[TIME] * 4)

    def windows(params, xs, initial):
        first, state = kernel(params, xs[:, :3], initial)
        second, _ = kernel(params, xs[:, 3:], jax.lax.stop_gradient(state), starts=anew)
        return jnp.concatenate([first, second], axis=1)

    at_border = jnp.zeros((4, TIME), bool).at[:, 3].set(anew)
    whole, _ = kernel(*c.operands, starts=at_border)
    ys, pull = jax.vjp(windows, *c.operands)
    assert_close(ys, whole, FLOAT32)
    late = jnp.zeros_like(ys).at[:, 3:].set(1)
    dparams, dxs, dinitial = pull(late)
    assert np.any(dparams.w_h)
    assert not np.any(dxs[:, :3])
    assert not any(np.any(leaf) for leaf in dinitial)


@every_cell
def test_what_says_nothing_changes_nothing(asked):
    cell = EVERY_CELL[asked.subject.cell]
    with jax.enable_x64(True):
        c = asked.case(dtype=jnp.float64)
        never = jnp.zeros((4, TIME, len(c.initial.h[0])), bool)
        idle = {
            "starts": never[..., 0],
            "recurrent_mask": jnp.ones_like(c.initial.h),
            "zoneout": cell.state(*(never for _ in cell.state._fields)),
        }
        assert_close(asked.answer(c, idle), answer(asked.subject, c), FLOAT64_RECURRENT)


def test_all_that_is_kept_leaves_the_state_as_it_was():
    asked = Asked(Subject("lstm"), ALL)
    c = asked.case()
    kept = {"zoneout": type(c.initial)(1.0, jnp.ones((4, TIME, 5), bool))}
    (_, state), (dparams, _, _) = asked.answer(c, kept)
    assert_same(state, c.initial)
    assert not any(np.any(leaf) for leaf in dparams)


@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_masks_and_rates_are_constants(implementation):
    subject = Subject("lstm", "forward", implementation)
    c = Asked(subject, ()).case()

    def total(mask, rate):
        zoneout = type(c.initial)(rate, rate)
        found = subject.run(*c.operands, lengths=c.lengths, recurrent_mask=mask, zoneout=zoneout)
        return jnp.sum(found[0])

    gradients = jax.grad(total, (0, 1))(jnp.ones((4, 5)), 0.5)
    assert not any(np.any(leaf) for leaf in gradients)


def test_closed_peepholes_are_an_lstm():
    plain, peepholes = Subject("lstm"), Subject("peephole_lstm")
    c = Asked(plain, ()).case()
    params = tuple(c.params) + (jnp.zeros(5),) * 3
    assert_close(
        peepholes.run(params, *c.operands[1:], lengths=c.lengths),
        plain.run(*c.operands, lengths=c.lengths),
        FLOAT32,
    )


@pytest.mark.parametrize("field", ["w_x", "w_h"])
def test_layer_norm_undoes_scale_and_common_shift_of_its_weights(field):
    """Ba et al. 2016, table 1: but for the small number beside the variance."""
    subject = Subject("layer_norm_lstm")
    with jax.enable_x64(True):
        c = Asked(subject, ()).case(dtype=jnp.float64)
        big = c.params._replace(**{field: 1e5 * getattr(c.params, field)})
        moved = big._replace(**{field: getattr(big, field) + 1e3})
        expected = subject.run(big, *c.operands[1:], lengths=c.lengths)
        found = subject.run(moved, *c.operands[1:], lengths=c.lengths)
        assert_close(found, expected, FLOAT64_RECURRENT)
        bigger = big._replace(**{field: 10 * getattr(big, field)})
        found = subject.run(bigger, *c.operands[1:], lengths=c.lengths)
        assert_close(found, expected, FLOAT64_RECURRENT)


@pytest.mark.parametrize("implementation", ["scan", "reference"])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_parameters_may_be_of_more_digits_than_what_is_read(cell, implementation):
    subject = Subject(cell, "forward", implementation)
    with jax.enable_x64(True):
        c = Asked(subject, ()).case()
        double = jax.tree.map(lambda p: p.astype(jnp.float64), c.params)
        found, gradients = answer(subject, c._replace(params=double))
        expected, expected_gradients = answer(subject, c)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}
    assert_close(found, expected, FLOAT32)
    assert_close(gradients, expected_gradients, FLOAT32_GRADIENT)


def test_a_layer_norm_s_gradient_bears_states_far_from_zero():
    """In bfloat16 64.1 is 64: a mean that was rounded would hide how far a state lies from it."""
    subject = Subject("layer_norm_lstm")
    c = Asked(subject, ()).case(dtype=jnp.bfloat16, lengths=[TIME] * 4)
    nothing_forgotten = c.params._replace(b=c.params.b.at[5:10].set(20))
    c = c._replace(params=nothing_forgotten, initial=c.initial._replace(c=64 + c.initial.c / 10))
    _, gradients = answer(subject, c)
    _, expected = truth(subject, c)
    assert_close(gradients[2], expected[2], BFLOAT16_GRADIENT)
