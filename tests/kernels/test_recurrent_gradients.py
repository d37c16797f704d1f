"""Gradients of every kernel: differences of the oracle, autodiff of the reference, each path."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads, check_jvp, check_vjp
from kernels.recurrent_cases import (
    Shape,
    Subject,
    answer,
    assert_close,
    case,
    every_cell,
    every_implementation,
    every_subject,
    respond,
)
from tolerances import FLOAT64_DIFFERENCES, FLOAT64_RECURRENT


@every_subject
@every_implementation
def test_reverse_mode_is_a_difference_of_the_oracle(subject, implementation):
    """What `check_grads` does for order 1, with the paper's loop in the function's place."""
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        program = respond(subject.by(implementation))
        lengths = jnp.asarray(c.lengths)

        def oracle(*operands):
            return jax.tree.map(jnp.asarray, subject.expect(*operands, c.lengths))

        def kernel_vjp(*operands):
            found, _ = program(*operands, lengths, c.cotangents)
            return found, lambda cotangents: program(*operands, lengths, cotangents)[1]

        check_vjp(oracle, kernel_vjp, c.operands, **FLOAT64_DIFFERENCES)


@every_subject
@pytest.mark.parametrize("implementation", ["scan", "accelerator", "large"])
def test_each_output_sends_the_gradient_that_autodiff_finds(subject, implementation):
    """ys alone, then each part of the final state alone, to all parameters, xs and states."""
    with jax.enable_x64(True):
        c = case(subject, dtype=jnp.float64)
        for alone in _one_at_a_time(c.cotangents):
            (_, found), (_, expected) = (
                answer(subject.by(name), c._replace(cotangents=alone))
                for name in (implementation, "reference")
            )
            assert_close(found, expected, FLOAT64_RECURRENT)
            assert any(np.any(leaf) for leaf in jax.tree.leaves(found))


def _one_at_a_time(tree):
    leaves, structure = jax.tree.flatten(tree)
    for chosen in range(len(leaves)):
        alone = [leaf if i == chosen else jnp.zeros_like(leaf) for i, leaf in enumerate(leaves)]
        yield jax.tree.unflatten(structure, alone)


@every_subject
@every_implementation
def test_every_operand_gets_a_gradient(subject, implementation):
    with jax.enable_x64(True):
        _, gradients = answer(subject.by(implementation), case(subject, dtype=jnp.float64))
    assert all(np.all(np.any(leaf, axis=0)) for leaf in jax.tree.leaves(gradients))


def _loss_of_small_rows(subject):
    """A loss and operands so small that differences of every entry are cheap."""
    c = case(subject, lengths=[3, 2], shape=Shape(3, 2, 2), dtype=jnp.float64)
    lengths = jnp.asarray(c.lengths)

    def loss(params, xs, initial):
        found = subject.run(params, xs, initial, lengths=lengths)
        return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(found))

    return jax.jit(loss), (c.params, jnp.nan_to_num(c.xs), c.initial)


@every_cell
def test_the_reference_has_forward_mode_and_second_order(subject):
    with jax.enable_x64(True):
        loss, operands = _loss_of_small_rows(subject.by("reference"))
        gradient = jax.jit(jax.grad(loss, (0, 1, 2)))
        check_jvp(loss, functools.partial(jax.jvp, loss), operands, **FLOAT64_DIFFERENCES)
        check_grads(gradient, operands, order=1, modes=["fwd"], **FLOAT64_DIFFERENCES)


@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_a_second_order_in_reverse_mode(implementation):
    subject = Subject("lstm", "forward", implementation)
    with jax.enable_x64(True):
        loss, operands = _loss_of_small_rows(subject)
        gradient = jax.jit(jax.grad(loss, (0, 1, 2)))
        check_grads(gradient, operands, order=1, modes=["rev"], **FLOAT64_DIFFERENCES)


def test_the_scan_refuses_forward_mode():
    subject = Subject("lstm")
    with jax.enable_x64(True):
        loss, operands = _loss_of_small_rows(subject)
        with pytest.raises(TypeError, match="custom_vjp"):
            jax.jvp(loss, operands, operands)
