"""A scan over time whose weights get their gradients after it, for any step.

Autodiff of a scan adds to the gradient of each weight at every step: it reads and writes an array
of the weight's size, and where the batch is sharded it sums it over devices, inside the loop. Here
a step names its products instead of making them,

    def step(multiply, constants, carry, x):
        z = multiply("w_h", carry)
        ...
        return carry, y

and for each product z = v W the loop forward keeps z, the loop backward makes the gradient of z and
what it pulls through W, and after the loop

    dW = sum over t of v_t dz_t

is one product over all steps. All else of a step is differentiated by JAX, from the carry before it
and the z that were kept: what lies between products is computed again, and no product is. Arrays of
one array a row, such as the keys that a decoder attends to, may be weights too: their gradients are
then batched products after the loop.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.varying import varying_alike

Multiply = Callable[[str, Array], Array]
Step = Callable[[Multiply, Any, Any, Any], tuple[Any, Any]]


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    step: Step
    products: tuple[tuple[str, str], ...]  # name, einsum of v and W
    operand: jnp.dtype  # that products round to

    def multiply(self, name: str, v: Array, w: Array) -> Array:
        """The product of this name."""
        return self._einsum(dict(self.products)[name], v, w)

    def pull(self, name: str, dz: Array, w: Array) -> Array:
        """The gradient of v."""
        left, right, out = _letters(dict(self.products)[name])
        return self._einsum(f"{out},{right}->{left}", dz, w)

    def outer(self, name: str, vs: Array, dzs: Array) -> Array:
        """The gradient of W, all steps at once."""
        left, right, out = _letters(dict(self.products)[name])
        return self._einsum(f"t{left},t{out}->{right}", vs, dzs)

    def _einsum(self, letters: str, left: Array, right: Array) -> Array:
        exact = accumulator(self.operand)
        left, right = left.astype(self.operand), right.astype(self.operand)
        return jnp.einsum(letters, left, right, preferred_element_type=exact)


def _letters(einsum: str) -> tuple[str, str, str]:
    operands, out = einsum.split("->")
    left, right = operands.split(",")
    return left, right, out


def deferred_scan(
    step: Step,
    weights: Mapping[str, Array],
    constants: Any,
    carry: Any,
    xs: Any,
    *,
    products: Mapping[str, str],
    operand: jnp.dtype,
) -> tuple[Any, Any]:
    """`lax.scan` of a step whose weights' gradients are products after the loop.

    Args:
      step: (multiply, constants, carry, x) -> (carry, y). `multiply(name, v)` is the product of v
        with the weight of that name; a step asks for each name once at most. It must close over no
        array that is to be differentiated.
      weights: by name.
      constants: a pytree that every step reads; its gradient is added up in the loop, so it should
        be of one array a row, never a weight.
      carry: a pytree of arrays.
      xs: a pytree of stacks [T, ...].
      products: by name, the einsum of v and the weight, such as "bk,kn->bn". "t" is taken.
      operand: the dtype that products round to; they add up in float32 (float64 if that is).

    Returns:
      the carry after the last step, and the stacked ys.

    Raises:
      ValueError: products and weights have other names, or a step asks for one twice.
    """
    if set(products) != set(weights):
        raise ValueError(
            f"deferred_scan expects an einsum for each weight; got {sorted(products)} for "
            f"{sorted(weights)}. Name the same."
        )
    plan = Plan(step, tuple(sorted(products.items())), jnp.dtype(operand))
    return _scan(plan, *varying_alike((dict(weights), constants, carry, xs)))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scan(plan, weights, constants, carry, xs):
    def advance(carry, x):
        def multiply(name, v):
            return plan.multiply(name, v, weights[name])

        return plan.step(multiply, constants, carry, x)

    return lax.scan(advance, carry, xs)


def _scan_forward(plan, weights, constants, carry, xs):
    def advance(carry, x):
        zs = {}

        def multiply(name, v):
            if name in zs:
                raise ValueError(f"a step asked for {name!r} twice; give each use a name.")
            zs[name] = plan.multiply(name, v, weights[name])
            return zs[name]

        after, y = plan.step(multiply, constants, carry, x)
        return after, (y, carry, zs)

    final, (ys, carries, zs) = lax.scan(advance, carry, xs)
    return (final, ys), (weights, constants, carries, xs, zs)


def _scan_backward(plan, kept, cotangents):
    weights, constants, carries, xs, zs = kept
    dfinal, dys = cotangents

    def retreat(gradients, inputs):
        dafter, dconstants = gradients
        before, x, z, dy = inputs
        nothing = jax.tree.map(jnp.zeros_like, z)
        run = partial(_with_known_products, plan, weights, z)
        _, pull, vs = jax.vjp(run, constants, before, x, nothing, has_aux=True)
        more, dbefore, dx, dz = pull((dafter, dy))
        return (dbefore, jax.tree.map(jnp.add, dconstants, more)), (dx, vs, dz)

    start = dfinal, jax.tree.map(jnp.zeros_like, constants)
    inputs = carries, xs, zs, dys
    (dcarry, dconstants), (dxs, vs, dzs) = lax.scan(retreat, start, inputs, reverse=True)
    dweights = {
        name: plan.outer(name, vs[name], dzs[name]).astype(w.dtype)
        if name in vs
        else jnp.zeros_like(w)
        for name, w in weights.items()
    }
    return dweights, dconstants, dcarry, dxs


_scan.defvjp(_scan_forward, _scan_backward)


def _with_known_products(plan, weights, zs, constants, carry, x, offsets):
    """A step whose products are known: to be differentiated by what is added to each."""
    vs = {}

    def multiply(name, v):
        vs[name] = v
        return _known(plan, name, weights[name], zs[name], v, offsets[name])

    return plan.step(multiply, constants, carry, x), vs


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _known(plan, name, w, z, v, offset):
    del plan, name, w, v, offset
    return z


def _known_forward(plan, name, w, z, v, offset):
    del plan, name, offset
    return z, (w, z, v)


def _known_backward(plan, name, kept, dz):
    w, z, v = kept
    dv = plan.pull(name, dz, w).astype(v.dtype)
    return jnp.zeros_like(w), jnp.zeros_like(z), dv, dz


_known.defvjp(_known_forward, _known_backward)
