"""A scan whose weights' gradients come after it, against the same scan differentiated by JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from tolerances import FLOAT32_DEEP, FLOAT32_GRADIENT

from nnarch.kernels.deferred import deferred_scan

BATCH, STEPS, SIZE, PLACES = 3, 5, 4, 6
PRODUCTS = {"w": "bk,kn->bn", "keys": "bn,bsn->bs"}


def step(multiply, constants, carry, x):
    """Its products are of parts, and of the state; it returns what is a state, and what is not."""
    h, count = carry
    h = jnp.tanh(multiply("w", x, h, plus=constants["bias"]) * constants["scale"])
    scores = multiply("keys", h)
    after = h + scores[:, :1]
    return (after, count + 1), (scores, after, h)


def problem():
    draw = np.random.default_rng(0).normal
    weights = {"w": draw(size=(2 * SIZE, SIZE)), "keys": draw(size=(BATCH, PLACES, SIZE))}
    operands = (
        weights,
        {"scale": draw(size=(BATCH, SIZE)), "bias": draw(size=(BATCH, SIZE))},
        (draw(size=(BATCH, SIZE)), np.zeros(BATCH)),
        draw(size=(STEPS, BATCH, SIZE)),
        {"w": draw(size=(STEPS, BATCH, SIZE))},
    )
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), operands)


def ours(weights, constants, carry, xs, added):
    return deferred_scan(
        step, weights, constants, carry, xs, products=PRODUCTS, operand=jnp.float32, added=added
    )


def plain(weights, constants, carry, xs, added):
    def advance(carry, inputs):
        x, start = inputs

        def multiply(name, *parts, plus=0):
            z = jnp.einsum(PRODUCTS[name], jnp.concatenate(parts, axis=-1), weights[name])
            return z + plus + start.get(name, 0)

        return step(multiply, constants, carry, x)

    return lax.scan(advance, carry, (xs, added))


def respond(run, operands):
    def total(operands):
        out = run(*operands)
        return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(out)), out

    (_, out), gradients = jax.value_and_grad(total, has_aux=True)(operands)
    return out, gradients


def test_it_is_the_plain_scan_gradients_included():
    found, expected = respond(ours, problem()), respond(plain, problem())
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


def test_second_derivatives_are_those_of_the_plain_scan():
    def curvature(run):
        def slope(operands):
            gradients = jax.grad(lambda o: jnp.sum(jnp.sin(run(*o)[1][0])))(operands)
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradients))

        return jax.grad(slope)(problem())

    for f, e in zip(*map(jax.tree.leaves, map(curvature, (ours, plain))), strict=True):
        scale = np.abs(e).max()  # sums of squares of many: what is small is what is left of them
        np.testing.assert_allclose(f / scale, e / scale, **FLOAT32_DEEP)


def test_no_steps_leave_the_state_as_it_was():
    weights, constants, carry, xs, added = problem()
    final, (scores, *_) = ours(weights, constants, carry, xs[:0], {"w": added["w"][:0]})
    np.testing.assert_array_equal(final[0], carry[0])
    assert scores.shape == (0, BATCH, PLACES)


def test_what_is_kept_is_kept_once():
    *operands, added = problem()

    def keep(*operands):
        return jax.vjp(ours, *operands)[1]

    kept = jax.tree.leaves(jax.eval_shape(keep, *operands, added))
    stacks = [leaf.shape for leaf in kept if leaf.shape[:1] in ((STEPS,), (STEPS + 1,))]
    # x, the products over what was added to them, and the states: neither h, nor y, nor [x, h].
    assert sorted(stacks) == sorted(
        [
            (STEPS, BATCH, SIZE),
            (STEPS, BATCH, SIZE),
            (STEPS, BATCH, PLACES),
            (STEPS + 1, BATCH, SIZE),
            (STEPS + 1, BATCH),
        ]
    )


def test_a_weight_that_no_step_asks_for_has_no_gradient():
    weights, *rest, _ = problem()

    def total(weights):
        _, ys = deferred_scan(
            lambda multiply, constants, carry, x: (carry, multiply("w", x)),
            weights,
            *rest,
            products={"w": "bk,kn->bn", "other": "bk,kn->bn"},
            operand=jnp.float32,
        )
        return jnp.sum(ys**2)

    gradients = jax.grad(total)({"w": weights["w"][:SIZE], "other": jnp.full((2, 2), jnp.inf)})
    assert np.any(gradients["w"])
    assert not np.any(gradients["other"])


def test_what_cannot_be_told_apart_is_refused():
    weights, *rest, _ = problem()
    with pytest.raises(ValueError, match="an einsum for each weight"):
        deferred_scan(step, weights, *rest, products={"w": "bk,kn->bn"}, operand=jnp.float32)

    def twice(multiply, constants, carry, x):
        return carry, multiply("w", x) + multiply("w", x)

    def total(w):
        weights, products = {"w": w}, {"w": "bk,kn->bn"}
        _, ys = deferred_scan(twice, weights, *rest, products=products, operand=jnp.float32)
        return jnp.sum(ys)

    with pytest.raises(ValueError, match="asked for 'w' twice"):
        jax.grad(total)(weights["w"][:SIZE])


def test_what_is_added_to_a_product_that_no_step_makes_is_refused():
    weights, constants, carry, xs, added = problem()

    def total(added):
        _, ys = deferred_scan(
            lambda multiply, constants, carry, x: (carry, x),
            weights,
            constants,
            carry,
            xs,
            products=PRODUCTS,
            operand=jnp.float32,
            added=added,
        )
        return jnp.sum(ys)

    with pytest.raises(ValueError, match=r"no step asks for \['w'\]"):
        jax.grad(total)(added)
