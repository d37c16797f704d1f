"""The products of a recurrence, with arrays where their platform multiplies them fastest.

Inside the loop arrays are [B, H], gates [B, G, H], stacks over time [T, B, ...]: a step reads and
writes memory in one piece, and a stack is a matrix of T B rows as it lies. The gates have an axis
of their own, so that a sharded hidden axis is never cut across gates.

On an accelerator the product of the inputs with w_x is taken for all steps before the loop; a step
has one product, of h with w_h. On a CPU too where gradients are wanted: what a step saves may take
the place of what it reads there. For outputs alone a step has both products: what they add up to
stays in the cache, and no projection of all steps is written to memory and read back.

Operands of products are rounded to the dtype of the input; sums are float32 (float64 if that is).
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.stacks import at, put

Gates = Array | tuple[Array, ...]
"""Joined [..., G, H], or apart, G of [..., H]."""


class Weights(NamedTuple):
    """The weights of a cell, gates apart."""

    x: Array  # [D, G, H]
    h: Array  # [H, G, H]
    b: Array  # [G, H]


class OnAccelerator:
    """A step reads x w_x + b, made before the loop."""

    overwrites = (
        False  # whether the backward pass writes over what was saved: one kernel more a step
    )

    def __init__(
        self,
        weights: Weights,
        xs: Array,
        operand: jnp.dtype,
        mask: Array | None = None,
        *,
        training: bool = False,
    ):
        """`xs` is the stack [T, B, D]; through `mask` [B, H], if any, the products see h."""
        self.operand, self.accumulator, self.training = operand, accumulator(operand), training
        self.mask = mask
        self.x, self.h = self._round(weights.x), self._round(weights.h)
        self.b = weights.b.astype(self.accumulator)
        self.xs = self._round(xs)
        self._product = partial(jnp.tensordot, preferred_element_type=self.accumulator)

    def _round(self, array: Array) -> Array:
        return array.astype(self.operand)

    def _seen(self, h: Array) -> Array:
        """What products see of h [..., B, H]; this is its own transpose."""
        return h if self.mask is None else h * self.mask

    @property
    def projected(self) -> Array:
        """x w_x of all steps, a stack."""
        return self._product(self.xs, self.x, 1)

    @property
    def inputs(self) -> Array:
        """What a step reads of the input, a stack."""
        return self.projected + self.b

    def input(self, x: Array, gates: slice = slice(None)) -> Array:
        """x w_x + b of some gates -> [B, G, H]; x is that already."""
        return x[:, gates]

    def hidden(self, h: Array, gates: slice = slice(None)) -> Array:
        """h w_h of some gates: [B, H] -> [B, G, H]."""
        return self._product(self._round(self._seen(h)), self.h[:, gates], 1)

    def affine(self, x: Array, h: Array, gates: slice = slice(None)) -> Array:
        """x w_x + h w_h + b of some gates -> [B, G, H]."""
        return self.input(x, gates) + self.hidden(h, gates)

    def pull(self, dz: Array, gates: slice = slice(None)) -> Array:
        """The gradient of h through `hidden`: [B, G, H] -> [B, H]."""
        return self._seen(self._product(self._round(dz), self.h[:, gates], ((1, 2), (1, 2))))

    def pull_input(self, dzs: Array, gates: slice = slice(None)) -> Array:
        """The gradient of the input, all steps at once: [T, B, G, H] -> [T, B, D]."""
        return self._product(self._round(dzs), self.x[:, gates], ((2, 3), (1, 2)))

    def outer(self, vs: Array, dzs: Array) -> Array:
        """The gradient of w_h or of some of its gates: [T, B, H], [T, B, G, H] -> [H, G, H]."""
        return self._outer(self._seen(vs), dzs)

    def outer_input(self, dzs: Array) -> Array:
        """The gradient of w_x or of some of its gates: [T, B, G, H] -> [D, G, H]."""
        return self._outer(self.xs, dzs)

    def _outer(self, vs: Array, dzs: Array) -> Array:
        """A weight's gradient, all steps at once."""
        return self._product(self._round(vs), self._round(dzs), ((0, 1), (0, 1)))

    @staticmethod
    def means(*rows: Array) -> tuple[Array, ...]:
        """Of each [..., H] -> [..., 1]."""
        return tuple(jnp.mean(each, axis=-1, keepdims=True) for each in rows)

    @staticmethod
    def write(stack: Array, gates: Gates, slot: Array) -> tuple[Array, Array]:
        """Writes gates into the stack [T, B, G, H] at a slot -> (the stack, them joined)."""
        joined = join(gates).astype(stack.dtype)
        return lax.dynamic_update_index_in_dim(stack, joined, slot, 0), joined


class OnCPU(OnAccelerator):
    """A step reads x, and multiplies it beside h; in training it reads x w_x."""

    overwrites = True  # fresh memory costs a CPU more: it is zeroed, and mapped page by page
    most_packed = 8 * 2**20  # bytes of a weight

    def __init__(self, weights: Weights, *args, **options):
        super().__init__(weights, *args, **options)
        hidden = weights.h.shape[-1]
        # Behind a barrier, or a loop makes it anew at every step.
        self._mean = lax.optimization_barrier(jnp.full(hidden, 1 / hidden, self.accumulator))

    def _round(self, array: Array) -> Array:
        """A CPU multiplies fast in float32 alone."""
        return array.astype(self.operand).astype(self.accumulator)

    @property
    def inputs(self) -> Array:
        """What a step reads of the input, a stack."""
        # Without b: the slot that is no step's stays zero, also where gates, and then their
        # gradients, are written over the others.
        return self.projected if self.training else self.xs

    def input(self, x: Array, gates: slice = slice(None)) -> Array:
        """x w_x + b of some gates: [B, D], in training [B, G, H] -> [B, G, H]."""
        projected = x[:, gates] if self.training else self._times(x, self.x, gates)
        return projected + self.b[gates]

    def hidden(self, h: Array, gates: slice = slice(None)) -> Array:
        """h w_h of some gates: [B, H] -> [B, G, H]."""
        return self._times(self._round(self._seen(h)), self.h, gates)

    def _times(self, v: Array, w: Array, gates: slice) -> Array:
        """[B, K] times some gates of [K, G, H] -> [B, G, H]."""
        if w.nbytes < self.most_packed:
            return self._product(v, w[:, gates], 1)
        # The right operand is packed at every step. A weight that is larger than the caches goes
        # to the left, and what it gives, far smaller, is transposed.
        product = self._product(_outputs_first(w)[gates], v, ((2,), (1,)))
        return jnp.moveaxis(product, 2, 0)

    def pull(self, dz: Array, gates: slice = slice(None)) -> Array:
        """The gradient of h through `hidden`: [B, G, H] -> [B, H]."""
        return self._seen(self._product(self._round(dz), _outputs_first(self.h)[gates], 2))

    def means(self, *rows: Array) -> tuple[Array, ...]:
        """Of each [..., H] -> [..., 1]."""
        # A sum in a loop of its own adds one number after another; a product adds many at once.
        # Beside each other, not below: rows that are sharded over devices stay where they are.
        means = jnp.stack(rows, axis=-2) @ self._mean
        return tuple(means[..., place, None] for place in range(len(rows)))

    @staticmethod
    def write(stack: Array, gates: Gates, slot: Array) -> tuple[Array, Array]:
        """Writes gates into the stack [T, B, G, H] at a slot -> (the stack, them joined)."""
        if not isinstance(gates, tuple):
            stack = put(stack, gates.astype(stack.dtype), slot)
            return stack, at(stack, slot)
        # One by one: a concatenation asks of each element which part it is of.
        for gate, part in enumerate(gates):
            part = part.astype(stack.dtype)[None, :, None]
            start = (slot, *np.array([0, gate, 0], slot.dtype))
            stack = lax.dynamic_update_slice(stack, part, start)
        return stack, lax.dynamic_index_in_dim(stack, slot, 0, keepdims=False)


def _outputs_first(w: Array) -> Array:
    """[K, G, H] -> [G, H, K], in memory and once, before the loop that this is used in."""
    return lax.optimization_barrier(jnp.transpose(w, (1, 2, 0)))


Products = OnAccelerator | OnCPU


def split(z: Array) -> tuple[Array, ...]:
    """[..., G, H] -> G arrays."""
    return tuple(z[..., gate, :] for gate in range(z.shape[-2]))


def join(gates: Gates) -> Array:
    """G arrays -> [..., G, H]."""
    return jnp.stack(gates, axis=-2) if isinstance(gates, tuple) else gates
