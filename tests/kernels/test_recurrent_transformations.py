"""vmap, remat, jit, strict dtypes, export: what JAX does to a kernel changes no number."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import (
    BATCH,
    HIDDEN,
    LENGTHS,
    TIME,
    Subject,
    answer,
    assert_close,
    case,
    every_cell,
    every_implementation,
    every_one_way,
    every_subject,
    respond,
)
from kernels.transformed import PLATFORMS, stacked
from tolerances import FLOAT64_RECURRENT


@every_cell
def test_vmap_over_everything_is_a_loop(subject):
    """An ensemble: parameters, rows, states, lengths and gradients of each member's own."""
    with jax.enable_x64(True):
        members = [
            case(subject, dtype=jnp.float64, seed=seed, lengths=lengths)
            for seed, lengths in enumerate((LENGTHS, LENGTHS[::-1]))
        ]
        expected = stacked(*(answer(subject, member) for member in members))
        every = stacked(*members)
        found = jax.vmap(respond(subject))(*every.operands, every.lengths, every.cotangents)
        assert_close(found, expected, FLOAT64_RECURRENT)


@every_cell
def test_vmap_over_batches_is_a_loop(subject):
    with jax.enable_x64(True):
        batches = [case(subject, dtype=jnp.float64, seed=seed) for seed in range(2)]
        params = batches[0].params
        expected = stacked(*(answer(subject, b._replace(params=params)) for b in batches))
        _, *rows = stacked(*batches)
        xs, initial, lengths, cotangents = rows
        found = jax.vmap(respond(subject), (None, 0, 0, 0, 0))(
            params, xs, initial, lengths, cotangents
        )
        assert_close(found, expected, FLOAT64_RECURRENT)


@every_cell
def test_remat_changes_nothing(subject):
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        run = jax.checkpoint(functools.partial(subject.run, lengths=jnp.asarray(c.lengths)))

        @jax.jit
        def again(*operands):
            found, pull = jax.vjp(run, *operands)
            return found, pull(c.cotangents)

        assert_close(again(*c.operands), answer(subject, c), FLOAT64_RECURRENT)


def test_a_second_call_compiles_nothing(compilations):
    """Nor do other lengths: they are operands, not part of the program."""
    subject = Subject("lstm")
    c = case(subject, lengths=[2, 3], seed=1)
    kernel = functools.partial(subject.run, *c.operands)
    jax.jit(kernel)(lengths=jnp.array([2, 3]))
    kernel(lengths=jnp.array([2, 3]))
    first = len(compilations)
    assert first
    kernel(lengths=[2, 3])
    kernel(lengths=np.array([0, 6]))
    kernel(lengths=jnp.array([1, 9]))
    assert len(compilations) == first


@every_subject
@every_implementation
def test_no_dtype_is_promoted_silently(subject, implementation):
    """Also where JAX is told to refuse it; gradients have the dtypes of what they belong to."""
    for weights, inputs in (
        ("float32", "float32"),
        ("float32", "bfloat16"),
        ("bfloat16", "float16"),
    ):
        _assert_dtypes(subject.by(implementation), weights, inputs)


def _assert_dtypes(subject, weights, inputs):
    c = case(subject, dtype=jnp.dtype(inputs))
    c = c._replace(params=jax.tree.map(lambda p: p.astype(weights), c.params))
    with jax.numpy_dtype_promotion("strict"):
        (ys, state), gradients = jax.eval_shape(
            respond(subject), *c.operands, jnp.asarray(c.lengths), c.cotangents
        )
    assert ys.dtype == jnp.dtype(inputs)
    assert {s.dtype for s in jax.tree.leaves(state)} == {np.dtype(np.float32)}
    for gradient, operand in zip(
        jax.tree.leaves(gradients), jax.tree.leaves(c.operands), strict=True
    ):
        assert (gradient.shape, gradient.dtype) == (operand.shape, operand.dtype)


@every_subject
@pytest.mark.parametrize("implementation", [None, "reference"])
def test_lowers_for_every_platform_at_once(subject, implementation):
    c = case(subject)
    exported = jax.export.export(respond(subject.by(implementation)), platforms=PLATFORMS)(
        *c.operands, jnp.asarray(c.lengths), c.cotangents
    )
    assert exported.platforms == PLATFORMS


def test_an_exported_program_answers_the_same():
    subject = Subject("lstm", "both")
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        operands = (*c.operands, jnp.asarray(c.lengths), c.cotangents)
        exported = jax.export.export(respond(subject), platforms=PLATFORMS)(*operands)
        assert_close(exported.call(*operands), answer(subject, c), FLOAT64_RECURRENT)


@every_one_way
def test_no_stack_of_gates_is_copied_on_a_cpu(subject):
    """They are written in place, and an LSTM's gradients over the gates themselves."""
    c = case(subject)
    text = respond(subject).lower(*c.operands, c.lengths, c.cotangents).compile().as_text()
    stack = rf"\[{TIME + 1},{BATCH},\d,{HIDDEN}\]"
    assert re.search(rf"f32{stack}.* dynamic-update-slice\(", text)
    assert not re.search(rf"f32{stack}\S* copy\(", text)
