"""A scan over time whose weights get their gradients after it, for any step.

Autodiff of a scan adds to the gradient of each weight at every step: it reads and writes an array
of the weight's size, and where the batch is sharded it sums it over devices, inside the loop. Here
a step names its products instead of making them,

    def step(multiply, constants, carry, x):
        z = multiply("w_h", carry)
        ...
        return carry, y

and for each product z = a + v W the loop forward keeps z, the loop backward makes the gradient of z
and what it pulls through W, and after the loop

    dW = sum over t of v_t dz_t        da_t = dz_t

is one product over all steps. All else of a step is differentiated by JAX, from the carry before it
and the z that were kept: what lies between products is computed again, and no product is. Arrays of
one array a row, such as the keys that a decoder attends to, may be weights too: their gradients are
then batched products after the loop.

What the loops write to memory costs as much as their products where the sizes are small, so nothing
is kept twice. A z is written over what was added to it. A y or a v that is a part of the carry, the
same array, is found in the stack of carries, and a v of several parts is never joined in it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.rounded import rounded_einsum
from nnarch.kernels.stacks import at, put
from nnarch.kernels.varying import varying_alike, varying_as

Multiply = Callable[..., Array]
"""(name, *parts of v, plus=None) -> v W + plus, and what is added to that product beside."""
Step = Callable[[Multiply, Any, Any, Any], tuple[Any, Any]]


class Plan(NamedTuple):
    """What is known of a call when it is compiled."""

    step: Step
    products: tuple[tuple[str, str], ...]  # name, einsum of v and W
    operand: jnp.dtype  # that products round to
    added: tuple[str, ...]  # products that begin with what is added to them

    def multiply(self, name: str, parts: tuple[Array, ...], w: Array) -> Array:
        """The product of this name, of a v in parts."""
        v = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
        return self._einsum(dict(self.products)[name], v, w)

    def pull(self, name: str, dz: Array, w: Array) -> Array:
        """The gradient of v."""
        left, right, out = self._letters(name)
        return self._einsum(f"{out},{right}->{left}", dz, w)

    def outer(self, name: str, vs: list[Array], dzs: Array) -> Array:
        """The gradient of W, all steps at once; vs are the stacks of v's parts."""
        left, right, out = self._letters(name)
        # What is summed over is taken in alphabetical order, and T comes before all: a stack is a
        # matrix of T B rows as it lies, and need not be turned around.
        parts = [self._einsum(f"T{left},T{out}->{right}", part, dzs) for part in vs]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=right.index(left[-1]))

    def _letters(self, name: str) -> tuple[str, str, str]:
        operands, out = dict(self.products)[name].split("->")
        left, right = operands.split(",")
        return left, right, out

    def _einsum(self, letters: str, left: Array, right: Array) -> Array:
        return rounded_einsum(letters, left, right, self.operand)


def deferred_scan(
    step: Step,
    weights: Mapping[str, Array],
    constants: Any,
    carry: Any,
    xs: Any,
    *,
    products: Mapping[str, str],
    operand: jnp.dtype,
    added: Mapping[str, Array] | None = None,
) -> tuple[Any, Any]:
    """`lax.scan` of a step whose weights' gradients are products after the loop.

    Args:
      step: (multiply, constants, carry, x) -> (carry, y). `multiply(name, *parts, plus=None)` is
        the product of v with the weight of that name, of parts of v that lie beside each other, and
        what is added to it; a step asks for each name once at most. It must close over no array
        that is to be differentiated.
      weights: by name.
      constants: a pytree that every step reads; its gradient is added up in the loop, so it should
        be of one array a row, never a weight.
      carry: a pytree of arrays.
      xs: a pytree of stacks [T, ...].
      products: by name, the einsum of v and the weight, such as "bk,kn->bn". "T" is taken, and v's
        last letter is one that is summed over, if it comes in parts.
      operand: the dtype that products round to; they add up in float32 (float64 if that is).
      added: by name, the stack [T, ...] of what is added to that product.

    Returns:
      the carry after the last step, and the stacked ys.

    Raises:
      ValueError: products and weights have other names, a step asks for one twice, or for none of
        a name in `added`.
    """
    if set(products) != set(weights):
        raise ValueError(
            f"deferred_scan expects an einsum for each weight; got {sorted(products)} for "
            f"{sorted(weights)}. Name the same."
        )
    added = dict(added or {})
    plan = Plan(step, tuple(sorted(products.items())), jnp.dtype(operand), tuple(sorted(added)))
    weights, added, constants, carry, xs = varying_alike(
        (dict(weights), added, constants, carry, xs)
    )
    if not _length(added, xs):
        return _plain(plan, weights, added, constants, carry, xs)
    exact = accumulator(plan.operand)
    added = {name: stack.astype(exact) for name, stack in added.items()}
    return _scan(plan, weights, added, constants, carry, xs)


def plain_scan(step, weights, constants, carry, xs, *, products, operand, added=None):
    """As `deferred_scan`, differentiated by JAX."""
    plan = Plan(step, tuple(sorted(products.items())), jnp.dtype(operand), ())
    return _plain(plan, *varying_alike((dict(weights), added or {}, constants, carry, xs)))


def _plain(plan, weights, added, constants, carry, xs):
    def advance(carry, inputs):
        start, x = inputs

        def multiply(name, *parts, plus=None):
            z = plan.multiply(name, parts, weights[name])
            return _sum(z, start.get(name), plus)

        return plan.step(multiply, constants, carry, x)

    return lax.scan(advance, carry, (added, xs))


def _sum(z: Array, *others: Array | None) -> Array:
    for other in others:
        z = z if other is None else z + other
    return z


def _length(*stacks: Any) -> int:
    return len(jax.tree.leaves(stacks)[0])


_scan = jax.custom_vjp(_plain, nondiff_argnums=(0,))


# A stack of states has T + 1 slots and begins with the initial one, so that the slot of a step is
# that of the state before it.


def _scan_forward(plan, weights, added, constants, carry, xs):
    steps, found = _length(added, xs), _Found()

    def advance(loop, inputs):
        before, states, zs = loop
        slot, x = inputs
        keep = _Keeper(plan, weights, added, zs, slot)
        after, y = plan.step(keep.multiply, constants, before, x)
        states = jax.tree.map(lambda stack, state: put(stack, state, slot + 1), states, after)
        return (after, states, keep.zs), found.rest(y, before, after)

    states, zs = _stacks(plan, weights, added, constants, carry, xs)
    inputs = jnp.arange(steps, dtype=jnp.uint32), xs
    (final, states, zs), rest = lax.scan(advance, (carry, states, zs), inputs)
    return (final, found.whole(rest, states)), (weights, constants, states, xs, zs)


def _stacks(plan, weights, added, constants, carry, xs):
    """What the loop forward fills: of the states, the first one there, and of the products."""
    steps = _length(added, xs)
    like = jax.tree.leaves((added, xs))[0]

    def stack(slots, array):
        return varying_as(like, jnp.zeros((slots, *array.shape), array.dtype))

    def products(weights, added, constants, carry, xs):
        keep = _Keeper(plan, weights, added, None, 0)
        plan.step(keep.multiply, constants, carry, jax.tree.map(lambda x: x[0], xs))
        return keep.made

    made = jax.eval_shape(products, weights, added, constants, carry, xs)
    if unasked := set(added) - set(made):
        raise ValueError(f"no step asks for {sorted(unasked)}: leave out what is added to it.")
    states = jax.tree.map(lambda state: put(stack(steps + 1, state), state, 0), carry)
    return states, {name: added.get(name, stack(steps, z)) for name, z in made.items()}


class _Keeper:
    """The products of one step, written into stacks as they are made."""

    def __init__(self, plan, weights, added, zs, slot):
        self.plan, self.weights, self.added, self.slot = plan, weights, added, slot
        self.made, self.zs = {}, zs and dict(zs)

    def multiply(self, name, *parts, plus=None):
        if name in self.made:
            raise ValueError(f"a step asked for {name!r} twice; give each use a name.")
        z = self.plan.multiply(name, parts, self.weights[name])
        start = at((self.zs or self.added)[name], self.slot) if name in self.added else None
        z = self.made[name] = _sum(z, start, plus)
        if self.zs:
            self.zs[name] = put(self.zs[name], z, self.slot)
            # Read where it was written, and what was there before is of no more use to anyone:
            # otherwise XLA copies the stack.
            z = at(self.zs[name], self.slot) if name in self.added else z
        return z


class _Found:
    """Which arrays of what a step returns are its states or there already, to be kept once.

    The same are those that are the same object while a step is traced.
    """

    def rest(self, tree, before=(), after=()):
        """Those that have to be kept, of a pytree."""
        leaves, self.structure = jax.tree.flatten(tree)
        known = [*jax.tree.leaves(before), *jax.tree.leaves(after)]
        rest, self.places = [], []
        for leaf in leaves:
            place = next((i for i, array in enumerate(known + rest) if array is leaf), None)
            if place is None:
                place = len(known) + len(rest)
                rest.append(leaf)
            self.places.append(place)
        return rest

    def whole(self, rest, states=()):
        """The pytree of stacks [T, ...]; states are stacks of T + 1 slots."""
        states = jax.tree.leaves(states)
        known = [stack[:-1] for stack in states] + [stack[1:] for stack in states] + rest
        return jax.tree.unflatten(self.structure, [known[place] for place in self.places])


def _scan_backward(plan, kept, cotangents):
    weights, constants, states, xs, zs = kept
    dfinal, dys = cotangents
    found_vs, found_dzs = _Found(), _Found()

    def retreat(gradients, inputs):
        dafter, dconstants = gradients
        slot, x, z, dy = inputs
        before = jax.tree.map(lambda stack: at(stack, slot), states)
        vs, after = _seen(plan, z, constants, before, x)
        nothing = jax.tree.map(jnp.zeros_like, z)
        run = partial(_with_known_products, plan, weights, z)
        _, pull = jax.vjp(run, constants, before, x, nothing)
        more, dbefore, dx, dz = pull((dafter, dy))
        rest = found_vs.rest(vs, before, after), found_dzs.rest(dz)
        return (dbefore, jax.tree.map(jnp.add, dconstants, more)), (dx, *rest)

    start = dfinal, jax.tree.map(jnp.zeros_like, constants)
    inputs = jnp.arange(_length(zs, xs), dtype=jnp.uint32), xs, zs, dys
    (dcarry, dconstants), (dxs, vs, dzs) = lax.scan(retreat, start, inputs, reverse=True)
    vs, dzs = found_vs.whole(vs, states), found_dzs.whole(dzs)
    dweights = {
        name: plan.outer(name, vs[name], dzs[name]).astype(w.dtype)
        if name in vs
        else jnp.zeros_like(w)
        for name, w in weights.items()
    }
    return dweights, {name: dzs[name] for name in plan.added}, dconstants, dcarry, dxs


_scan.defvjp(_scan_forward, _scan_backward)


def _seen(plan, zs, constants, carry, x):
    """What each product of a step saw, by name, in parts; and the carry after the step."""
    vs = {}

    def multiply(name, *parts, plus=None):
        del plus
        vs[name] = list(parts)
        return zs[name]

    after, _ = plan.step(multiply, constants, carry, x)
    return vs, after


def _with_known_products(plan, weights, zs, constants, carry, x, offsets):
    """A step whose products are known: to be differentiated by what is added to each."""

    def multiply(name, *parts, plus=None):
        z = zs[name]
        plus = jnp.zeros_like(z) if plus is None else jnp.broadcast_to(plus, z.shape)
        return _known(plan, name, weights[name], z, parts, plus.astype(z.dtype), offsets[name])

    return plan.step(multiply, constants, carry, x)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _known(plan, name, w, z, parts, plus, offset):
    del plan, name, w, parts, plus, offset
    return z


def _known_forward(plan, name, w, z, parts, plus, offset):
    del plan, name, plus, offset
    return z, (w, z, parts)


def _known_backward(plan, name, kept, dz):
    w, z, parts = kept
    dv = plan.pull(name, dz, w)
    widths = np.cumsum([part.shape[-1] for part in parts[:-1]])
    dparts = tuple(
        d.astype(part.dtype) for d, part in zip(jnp.split(dv, widths, axis=-1), parts, strict=True)
    )
    return jnp.zeros_like(w), jnp.zeros_like(z), dparts, dz, dz


_known.defvjp(_known_forward, _known_backward)
