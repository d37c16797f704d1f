"""One time step of an LSTM that normalises its products and its state c.

    z = scale_x n(x w_x) + scale_h n(h w_h) + b,  n over all 4H;  c' = f c + i g
    h' = o tanh(scale_c n(c') + shift_c)

A mean that is taken off x w after the product can be taken off w before it, once a call: what the
loop multiplies with has columns that add up to zero, and n has only to divide by a root mean
square. JAX differentiates what is done to the parameters before the loop (`prepared`).

What a step makes of its input is no other step's business, so all of it stands outside of both
loops, forward and back: x w_x and its root of all steps, which are kept.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.cells import LayerNormLSTMParams, LSTMState
from nnarch.kernels.recurrent.products import Products, Weights, split
from nnarch.kernels.recurrent.step import Emit, bias, lstm_gates, separate

EPSILON = 1e-5  # beside a variance


class Prepared(NamedTuple):
    """The parameters as the loop takes them, in the dtype of sums, gates apart."""

    w_x: Array  # [D, 4, H], adding up to zero over [4, H]
    w_h: Array  # [H, 4, H], adding up to zero over [4, H]
    b: Array  # [4, H]
    scale_x: Array  # [4, H]
    scale_h: Array  # [4, H]
    scale_c: Array  # [H]
    shift_c: Array  # [H]


def prepared(params: LayerNormLSTMParams, exact: jnp.dtype) -> Prepared:
    """What a loop takes whose sums are of the dtype `exact`."""
    w_x, w_h, b, scale_x, scale_h, scale_c, shift_c = (p.astype(exact) for p in params)
    dense = separate(_centred(w_x), _centred(w_h), b, gates=4)
    scales = separate(scale_x, scale_h, b, gates=4)[:2]
    return Prepared(*dense, *scales, scale_c, shift_c)


def _centred(w: Array) -> Array:
    return w - jnp.mean(w, axis=1, keepdims=True)


class LayerNormLSTMStep:
    """A step in terms of the prepared parameters."""

    Params, State = Prepared, LSTMState
    keeps_inputs, saves_over_inputs = True, False
    saved_exactly = 1  # moments: the difference of a state and its mean may be small

    @staticmethod
    def weights(params: Prepared) -> Weights:
        return Weights(params.w_x, params.w_h, jnp.zeros_like(params.b))

    @staticmethod
    def inputs(products: Products, params: Prepared) -> tuple[Array, Array]:
        """x w_x [T, B, 4, H], and what to multiply it by, [T, B, 1]."""
        projected = products.projected
        return projected, *_roots(*products.means(_squares(projected)))

    @staticmethod
    def forward(products: Products, params: Prepared, x: tuple[Array, Array], state: LSTMState):
        (of_x, x_root), of_h = x, products.hidden(state.h)
        (h_root,) = _roots(*products.means(_squares(of_h)))
        of_x, of_h = of_x * x_root[..., None], of_h * h_root[..., None]
        gates = lstm_gates(of_x * params.scale_x + of_h * params.scale_h + params.b)
        i, f, g, o = split(gates)
        c = f * state.c + i * g
        (c_mean,) = products.means(c)
        (c_root,) = _roots(*products.means((c - c_mean) * (c - c_mean)))
        h = o * jnp.tanh((c - c_mean) * c_root * params.scale_c + params.shift_c)
        moments = jnp.concatenate([h_root, c_mean, c_root], axis=-1)
        return LSTMState(h, c), (gates, of_h, moments)

    @staticmethod
    def made(saved, before: LSTMState, after: LSTMState) -> LSTMState:
        i, f, g, _ = split(saved[0])
        return LSTMState(after.h, f * before.c + i * g)  # no gradient asks for h

    # With t = tanh(scale_c n(c') + shift_c), dn the gradient of some n and r what n multiplied by:
    #     do = dh' t o',  dn(c') = dh' o (1 - t^2) scale_c
    #     through n(c'):   d = r (dn - mean(dn) - n mean(dn n)), added to dc'
    #     through n(h w):  d = r (dn - n mean(dn n)), dn = dz scale_h; its mean would meet weights
    #                      that add up to zero. n(x w) the same, in `gradient`
    @staticmethod
    def backward(products: Products, params: Prepared, saved, before, after, dstate, emit: Emit):
        gates, of_h, moments, *_ = saved
        h_root, c_mean, c_root = jnp.split(moments, 3, axis=-1)
        i, f, g, o = split(gates)
        shown = (after.c - c_mean) * c_root
        t = jnp.tanh(shown * params.scale_c + params.shift_c)
        dy = dstate.h * o * (1 - t * t)
        dn = dy * params.scale_c
        mean, shared = products.means(dn, dn * shown)
        dc = dstate.c + c_root * (dn - mean - shown * shared)
        di, df, dg = dc * g * i * (1 - i), dc * before.c * f * (1 - f), dc * i * (1 - g * g)
        dz = emit((di, df, dg, dstate.h * t * o * (1 - o)))
        emit.add((dz * of_h, dy * shown, dy))
        pulled = emit(_normalised_gradient(products, of_h, h_root, dz * params.scale_h))
        return LSTMState(products.pull(pulled), dc * f)

    @staticmethod
    def gradient(products: Products, params: Prepared, saved, before: LSTMState, dzs, *sums: Array):
        dz, of_h = dzs
        projected, x_root = (each.astype(dz.dtype) for each in saved[-2:])
        of_x = projected * x_root[..., None]
        dx = _normalised_gradient(products, of_x, x_root, dz * params.scale_x)
        dw_x, dw_h = products.outer_input(dx), products.outer(before.h, of_h)
        return Prepared(dw_x, dw_h, bias(dz), bias(dz * of_x), *sums), products.pull_input(dx)


def _normalised_gradient(products: Products, normalised: Array, root: Array, dn: Array) -> Array:
    """The gradient of what was normalised, [..., 4, H]."""
    (shared,) = products.means(sum(split(dn * normalised)) / dn.shape[-2])
    return root[..., None] * (dn - normalised * shared[..., None])


def _squares(z: Array) -> Array:
    """[..., 4, H] -> [..., H], whose mean is that of the squares."""
    return sum(part * part for part in split(z)) / z.shape[-2]


def _roots(*variances: Array) -> tuple[Array, ...]:
    """What is multiplied by, to divide by a standard deviation."""
    return tuple(lax.rsqrt(variance + EPSILON) for variance in variances)
