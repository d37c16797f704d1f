"""How arrays lie inside the loop over time: two layouts of the same mathematics.

A layout knows where the batch, the features, the gates and the time are, and multiplies. The cells
and the loop are written once, in terms of it.

FeaturesFirst, for CPUs: a step's product is [G, H, D + H] times [D + H, B], one product of both
weights with [x; h], read without packing the weights anew at each step.
BatchFirst, for accelerators: the input's product for all steps is taken before the loop, as one
large product; a step multiplies [B, H] with [H, G, H].

The gates have an axis of their own, so that a sharded hidden axis is never cut across gates.
Operands of products are rounded to the dtype of the input; sums are float32 (float64 if that is).
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax


class Weights(NamedTuple):
    """The weights of a cell, gates apart."""

    x: Array  # [D, G, H]
    h: Array  # [H, G, H]
    b: Array  # [G, H]


class FeaturesFirst:
    """Arrays [H, B], gates [G, H, B], stacks over time [..., T, B]."""

    time_axis = -2

    @staticmethod
    def enter(xs: Array) -> Array:
        """[B, T, H] -> the stack [H, T, B]."""
        return jnp.transpose(xs, (2, 1, 0))

    leave = enter  # the same exchange of axes, back

    @staticmethod
    def enter_state(h: Array) -> Array:
        """[B, H] -> [H, B]."""
        return h.T

    leave_state = enter_state

    @staticmethod
    def rows(mask: Array, like: Array) -> Array:
        """[B] or [T, B] -> what broadcasts against [..., B] or [..., T, B]."""
        return mask

    @staticmethod
    def split(z: Array) -> tuple[Array, ...]:
        """[G, ...] -> G arrays."""
        return tuple(z[g] for g in range(z.shape[0]))

    @staticmethod
    def join(parts: tuple[Array, ...]) -> Array:
        """G arrays -> [G, ...]."""
        return jnp.stack(parts)

    @staticmethod
    def write(stack: Array, parts: tuple[Array, ...], t: Array) -> tuple[Array, Array]:
        """Writes G arrays into the stack [G, H, T, B] at step t -> (the stack, them joined)."""
        # A concatenation that computes its parts asks of each element which part it is of: at
        # B, H = 32, 256 it cost four times what the gates' gradients do, written one by one.
        for g, part in enumerate(parts):
            part = part.astype(stack.dtype)[None, :, None]
            stack = lax.dynamic_update_slice(stack, part, (g, 0, t, 0))
        return stack, lax.dynamic_index_in_dim(stack, t, 2, keepdims=False)

    @staticmethod
    def gates(stack: Array, which: slice) -> Array:
        """Some gates of [G, ...]."""
        return stack[which]

    def __init__(self, weights: Weights, xs: Array, operand: jnp.dtype):
        """`xs` is the stack [D, T, B]."""
        self.operand, self.accumulator = operand, accumulator(operand)
        self.x, self.h = self._operand(weights.x), self._operand(weights.h)
        self.b = weights.b.astype(self.accumulator)
        self.inputs = self._operand(xs)
        self._forward_x = self._transposed(self.x)
        self._forward_h = self._transposed(self.h)
        self._forward_both = self._transposed(jnp.concatenate([self.x, self.h]))

    def _operand(self, array: Array) -> Array:
        """Rounds to the dtype of operands; a CPU multiplies fast in float32 alone."""
        return array.astype(self.operand).astype(self.accumulator)

    @staticmethod
    def _transposed(w: Array) -> Array:
        """[K, G, H] -> [G, H, K], in memory, once: contracted along its first axis, w is slow."""
        return lax.optimization_barrier(jnp.transpose(w, (1, 2, 0)))

    @staticmethod
    def _times(w: Array, v: Array) -> Array:
        """[G, H, K] times [K, B] -> [G, H, B]."""
        return lax.dot_general(w, v, (((2,), (0,)), ((), ())))

    def affine(self, x: Array, h: Array, gates: slice = slice(None)) -> Array:
        """x w_x + h w_h + b of some gates -> [G, H, B]."""
        # Written into place rather than concatenated: where h is sharded over devices, this gathers
        # it, and a concatenation reduces both parts beside.
        room = jnp.pad(x, ((0, h.shape[0]), (0, 0)))
        xh = lax.dynamic_update_slice(room, self._operand(h), (x.shape[0], 0))
        return self._times(self._forward_both[gates], xh) + self.b[gates, :, None]

    def input(self, x: Array, gates: slice = slice(None)) -> Array:
        """x w_x + b of some gates -> [G, H, B]."""
        return self._times(self._forward_x[gates], x) + self.b[gates, :, None]

    def hidden(self, h: Array, gates: slice = slice(None)) -> Array:
        """h w_h of some gates -> [G, H, B]."""
        return self._times(self._forward_h[gates], self._operand(h))

    def pull(self, dz: Array, gates: slice = slice(None)) -> Array:
        """The gradient of h through `hidden`: [G, H, B] -> [H, B]."""
        dims = (((1, 2), (0, 1)), ((), ()))
        return lax.dot_general(self.h[:, gates], self._operand(dz), dims)

    def pull_input(self, dzs: Array, gates: slice = slice(None)) -> Array:
        """The gradient of the input, all steps at once: [G, H, T, B] -> [D, T, B]."""
        return jnp.tensordot(self.x[:, gates], self._operand(dzs), 2)

    def outer(self, vs: Array, dzs: Array) -> Array:
        """A weight's gradient, all steps at once: [K, T, B] and [G, H, T, B] -> [K, G, H]."""
        dims = (((1, 2), (2, 3)), ((), ()))
        return lax.dot_general(self._operand(vs), self._operand(dzs), dims)

    def outer_input(self, dzs: Array) -> Array:
        """The gradient of w_x or of some of its gates: [G, H, T, B] -> [D, G, H]."""
        return self.outer(self.inputs, dzs)

    @staticmethod
    def bias(dzs: Array) -> Array:
        """[G, H, T, B] -> [G, H]."""
        return jnp.sum(dzs, axis=(-2, -1))

    @staticmethod
    def column(b: Array) -> Array:
        """[H] -> what adds to [H, B]."""
        return b[:, None]

    @staticmethod
    def per_gate(values: np.ndarray) -> np.ndarray:
        """[G] -> what multiplies [G, H, B]."""
        return values[:, None, None]

    @staticmethod
    def export(stack: Array) -> Array:
        """A stack in the order that both layouts share, [T, B, ...]; `restore` undoes it free."""
        return jnp.moveaxis(stack, (-2, -1), (0, 1))

    @staticmethod
    def restore(stack: Array) -> Array:
        """The inverse of `export`."""
        return jnp.moveaxis(stack, (0, 1), (-2, -1))


class BatchFirst:
    """Arrays [B, H], gates [B, G, H], stacks over time [T, B, ...]."""

    time_axis = 0

    @staticmethod
    def enter(xs: Array) -> Array:
        """[B, T, H] -> the stack [T, B, H]."""
        return jnp.swapaxes(xs, 0, 1)

    leave = enter

    @staticmethod
    def enter_state(h: Array) -> Array:
        """[B, H] as it is."""
        return h

    leave_state = enter_state

    @staticmethod
    def rows(mask: Array, like: Array) -> Array:
        """[B] or [T, B] -> what broadcasts against [B, ...] or [T, B, ...]."""
        return mask.reshape(mask.shape + (1,) * (like.ndim - mask.ndim))

    @staticmethod
    def split(z: Array) -> tuple[Array, ...]:
        """[..., G, H] -> G arrays."""
        return tuple(z[..., g, :] for g in range(z.shape[-2]))

    @staticmethod
    def join(parts: tuple[Array, ...]) -> Array:
        """G arrays -> [..., G, H]."""
        return jnp.stack(parts, axis=-2)

    @staticmethod
    def write(stack: Array, parts: tuple[Array, ...], t: Array) -> tuple[Array, Array]:
        """Writes G arrays into the stack [T, B, G, H] at step t -> (the stack, them joined)."""
        joined = BatchFirst.join(parts).astype(stack.dtype)
        return lax.dynamic_update_index_in_dim(stack, joined, t, 0), joined

    @staticmethod
    def gates(stack: Array, which: slice) -> Array:
        """Some gates of [..., G, H]."""
        return stack[..., which, :]

    def __init__(self, weights: Weights, xs: Array, operand: jnp.dtype):
        """`xs` is the stack [T, B, D]."""
        self.operand, self.accumulator = operand, accumulator(operand)
        self.x, self.h = weights.x.astype(operand), weights.h.astype(operand)
        self._product = partial(jnp.tensordot, preferred_element_type=self.accumulator)
        self._xs = xs.astype(operand)
        self._b = weights.b.astype(self.accumulator)

    @property
    def inputs(self) -> Array:
        """What a step reads of the input: its product with w_x, [T, B, G, H]."""
        return self._product(self._xs, self.x, 1) + self._b

    def affine(self, x: Array, h: Array, gates: slice = slice(None)) -> Array:
        """x w_x + h w_h + b of some gates -> [B, G, H]."""
        return self.input(x, gates) + self.hidden(h, gates)

    def input(self, x: Array, gates: slice = slice(None)) -> Array:
        """x w_x + b of some gates -> [B, G, H]; x is that already."""
        return x[:, gates]

    def hidden(self, h: Array, gates: slice = slice(None)) -> Array:
        """h w_h of some gates -> [B, G, H]."""
        return self._product(h.astype(self.operand), self.h[:, gates], 1)

    def pull(self, dz: Array, gates: slice = slice(None)) -> Array:
        """The gradient of h through `hidden`: [B, G, H] -> [B, H]."""
        return self._product(dz.astype(self.operand), self.h[:, gates], ((1, 2), (1, 2)))

    def pull_input(self, dzs: Array, gates: slice = slice(None)) -> Array:
        """The gradient of the input, all steps at once: [T, B, G, H] -> [T, B, D]."""
        return self._product(dzs.astype(self.operand), self.x[:, gates], ((2, 3), (1, 2)))

    def outer(self, vs: Array, dzs: Array) -> Array:
        """A weight's gradient, all steps at once: [T, B, K] and [T, B, G, H] -> [K, G, H]."""
        vs, dzs = vs.astype(self.operand), dzs.astype(self.operand)
        return self._product(vs, dzs, ((0, 1), (0, 1)))

    def outer_input(self, dzs: Array) -> Array:
        """The gradient of w_x or of some of its gates: [T, B, G, H] -> [D, G, H]."""
        return self.outer(self._xs, dzs)

    @staticmethod
    def bias(dzs: Array) -> Array:
        """[T, B, G, H] -> [G, H]."""
        return jnp.sum(dzs, axis=(0, 1))

    @staticmethod
    def column(b: Array) -> Array:
        """[H] -> what adds to [B, H]."""
        return b

    @staticmethod
    def per_gate(values: np.ndarray) -> np.ndarray:
        """[G] -> what multiplies [B, G, H]."""
        return values[:, None]

    @staticmethod
    def export(stack: Array) -> Array:
        """[T, B, ...] as it is."""
        return stack

    restore = export


Layout = FeaturesFirst | BatchFirst


def accumulator(operand: jnp.dtype) -> jnp.dtype:
    """The dtype of states and sums: float64 for float64, float32 for every other."""
    return jnp.float64 if operand == jnp.float64 else jnp.float32
