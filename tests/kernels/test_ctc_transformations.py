"""vmap, remat, jit, strict dtypes, export: what JAX does to the CTC loss changes no number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.ctc_cases import (
    ROWS,
    Shape,
    answer,
    case,
    every_implementation,
    every_layout,
    expect,
    loss,
    respond,
    served_by,
)
from kernels.recurrent_cases import assert_close, assert_same
from kernels.transformed import PLATFORMS, stacked
from tolerances import (
    FLOAT32_DIFFERENCES,
    FLOAT32_GRADIENT,
    FLOAT64,
    FLOAT64_DIFFERENCES,
)

from nnarch.kernels.ctc import ctc_loss


@every_implementation
def test_eager_is_jit(implementation):
    c = case()
    with served_by(implementation):
        found, pull = jax.vjp(lambda logits: loss(implementation, logits, *c[1:4]), c.logits)
        (gradient,) = pull(c.cotangents)
    assert_close((found, gradient), answer(implementation, c), FLOAT32_GRADIENT)


@every_implementation
def test_vmap_over_everything_is_a_loop(implementation):
    batches = case(), case(ROWS[::-1], seed=1)
    expected = stacked(*(answer(implementation, c) for c in batches))
    found = jax.vmap(respond(implementation))(*stacked(*(c.operands for c in batches)))
    assert_close(found, expected, FLOAT32_GRADIENT)


@every_layout
def test_vmap_over_labels_is_a_loop(implementation):
    """Several transcripts of the same frames; each sends its own gradient."""
    c, other = case(), case(seed=1)
    both = c, c._replace(labels=other.labels, cotangents=other.cotangents)
    expected = stacked(*(answer(implementation, each) for each in both))
    labels, cotangents = stacked(*((each.labels, each.cotangents) for each in both))
    over = jax.vmap(respond(implementation), (None, None, 0, None, 0))
    found = over(*c.operands[:2], labels, c.operands[3], cotangents)
    assert_close(found, expected, FLOAT32_GRADIENT)


@every_implementation
def test_remat_changes_nothing(implementation):
    c = case()
    _, *integers, cotangents = c.operands

    @jax.jit
    def again(logits):
        run = jax.checkpoint(lambda logits: loss(implementation, logits, *integers))
        with served_by(implementation):
            found, pull = jax.vjp(run, logits)
            return found, pull(cotangents)[0]

    assert_close(again(c.logits), answer(implementation, c), FLOAT32_GRADIENT)


@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_a_second_call_compiles_nothing(compilations, implementation):
    """Nor do other lengths and labels: they are operands, not part of the program."""
    c = case([(6, 2), (5, 1)], shape=Shape(6, 2, 3))
    _, lengths, labels, label_lengths, _ = c.operands
    loss(implementation, c.logits, lengths, labels, label_lengths)
    first = len(compilations)
    assert first
    loss(implementation, c.logits, [6, 6], [[1, 2], [2, 1]], [2, 2])
    loss(implementation, c.logits, np.array([0, 6]), np.array([[1, 2], [2, 7]]), [0, 1])
    assert len(compilations) == first


@every_implementation
@pytest.mark.parametrize(("dtype", "classes"), [("float32", 5), ("bfloat16", 5), ("float16", 1200)])
def test_no_dtype_is_promoted_silently(implementation, dtype, classes):
    """Also where JAX is told to refuse it; the gradient has the dtype of the logits."""
    c = case([(5, 2)] * 2, shape=Shape(5, 2, classes), dtype=jnp.dtype(dtype))
    with jax.numpy_dtype_promotion("strict"):
        losses, gradient = jax.eval_shape(respond(implementation), *c.operands)
    assert (losses.shape, losses.dtype) == ((2,), np.float32)
    assert (gradient.shape, gradient.dtype) == (c.logits.shape, c.logits.dtype)


@pytest.mark.parametrize("implementation", [None, "reference"])
def test_lowers_for_every_platform_at_once(implementation):
    """And the program that was exported answers as the one that was not."""
    c = case()
    exported = jax.export.export(respond(implementation), platforms=PLATFORMS)(*c.operands)
    assert exported.platforms == PLATFORMS
    assert_close(exported.call(*c.operands), expect(c), FLOAT32_GRADIENT)


@every_layout
def test_reverse_mode_is_a_difference(implementation):
    c = case([(5, 2), (4, 2), (2, 0), (1, 2)], shape=Shape(5, 2, 3))
    _, *integers, _ = c.operands
    logits = jnp.nan_to_num(c.logits)
    possible = c.logit_lengths >= c.label_lengths

    @jax.jit
    def run(logits):
        with served_by(implementation):
            losses = loss(implementation, logits, *integers)
        return jnp.where(possible, losses, 0)

    with served_by(implementation):
        check_grads(run, (logits,), order=1, modes=["rev"], **FLOAT32_DIFFERENCES)


def test_float64_is_the_reference_and_the_oracle():
    with jax.enable_x64(True):
        c = case(dtype=jnp.float64)
        losses, gradients = answer(None, c)
        assert losses.dtype == gradients.dtype == np.float64
        assert_close((losses, gradients), expect(c), FLOAT64)
        assert_same(loss(None, *c.operands[:4]), loss("reference", *c.operands[:4]))


def test_float64_in_reverse_mode_is_a_difference_of_the_oracle():
    with jax.enable_x64(True):
        c = case([(5, 2), (4, 1)], shape=Shape(5, 2, 3), dtype=jnp.float64)
        eps = FLOAT64_DIFFERENCES["eps"]
        direction = np.random.default_rng(1).normal(size=c.logits.shape)
        ahead, behind = (
            expect(c._replace(logits=c.logits + step * direction))[0] for step in (eps, -eps)
        )
        _, gradients = answer(None, c._replace(cotangents=jnp.ones(2)))
        found = np.sum(np.asarray(gradients) * direction, axis=(1, 2))
        assert_close(found, (ahead - behind) / (2 * eps), _without_eps(FLOAT64_DIFFERENCES))


def _without_eps(tolerance):
    return {name: value for name, value in tolerance.items() if name != "eps"}


def test_a_mean_over_rows_trains():
    """Under jit, with the fastest implementation, as in a training step."""
    c = case([(8, 4), (7, 2), (5, 0), (4, 1)] * 2)

    @jax.jit
    def step(logits):
        mean, gradient = jax.value_and_grad(lambda x: jnp.mean(ctc_loss(x, *c[1:4])))(logits)
        return mean, logits - 4.0 * gradient

    first, logits = step(jnp.nan_to_num(c.logits))
    for _ in range(40):
        last, logits = step(logits)
    assert 0 <= last < 0.1 * first


def test_the_loss_alone_has_no_loop_for_a_gradient():
    """Half of the loops are enough where none is asked for."""
    c = case()

    def loops(program, *operands):
        return jax.jit(program).lower(*operands).as_text().count("stablehlo.while")

    alone = loops(lambda *operands: ctc_loss(*operands), *c.operands[:4])
    both = loops(respond(None), *c.operands)
    assert 0 < alone < both
