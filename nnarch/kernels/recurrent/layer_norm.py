"""One time step of an LSTM that normalises its products and its state c.

    z = scale_x n(x w_x) + scale_h n(h w_h) + b,  n over all 4H;  c' = f c + i g
    h' = o tanh(scale_c n(c') + shift_c)

A mean that is taken off x w after the product can be taken off w before it, once a call: what the
loop multiplies with has columns that add up to zero, and n has only to divide by a root mean
square. JAX differentiates what is done to the parameters before the loop (`prepared`).
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


def prepared(params: LayerNormLSTMParams) -> Prepared:
    """What the loop takes."""
    exact = [p.astype(jnp.promote_types(p.dtype, jnp.float32)) for p in params]
    w_x, w_h, b, scale_x, scale_h, scale_c, shift_c = exact
    dense = separate(_centred(w_x), _centred(w_h), b, gates=4)
    scales = separate(scale_x, scale_h, b, gates=4)[:2]
    return Prepared(*dense, *scales, scale_c, shift_c)


def _centred(w: Array) -> Array:
    return w - jnp.mean(w, axis=1, keepdims=True)


class LayerNormLSTMStep:
    """A step in terms of the prepared parameters."""

    Params, State = Prepared, LSTMState

    @staticmethod
    def weights(params: Prepared) -> Weights:
        return Weights(params.w_x, params.w_h, jnp.zeros_like(params.b))

    @staticmethod
    def forward(products: Products, params: Prepared, x: Array, state: LSTMState):
        of_x, x_root = _normalise(products, products.input(x))
        of_h, h_root = _normalise(products, products.hidden(state.h))
        gates = lstm_gates(of_x * params.scale_x + of_h * params.scale_h + params.b)
        i, f, g, o = split(gates)
        c = f * state.c + i * g
        shown, _ = _normalise_state(products, c)
        h = o * jnp.tanh(shown * params.scale_c + params.shift_c)
        roots = jnp.concatenate([x_root, h_root], axis=-1)
        return LSTMState(h, c), (gates, of_x, of_h, roots)

    @staticmethod
    def made(saved, before: LSTMState, after: LSTMState) -> LSTMState:
        i, f, g, _ = split(saved[0])
        return LSTMState(after.h, f * before.c + i * g)  # no gradient asks for h

    # With t = tanh(scale_c n(c') + shift_c), dn the gradient of some n and r what n multiplied by:
    #     do = dh' t o',  dn(c') = dh' o (1 - t^2) scale_c
    #     through n(c'):   d = r (dn - mean(dn) - n mean(dn n)), added to dc'
    #     through n(x w):  d = r (dn - n mean(dn n)), dn = dz scale_x; its mean would meet weights
    #                      that add up to zero. n(h w) the same
    @staticmethod
    def backward(products: Products, params: Prepared, saved, before, after, dstate, emit: Emit):
        gates, of_x, of_h, roots = saved
        i, f, g, o = split(gates)
        shown, c_root = _normalise_state(products, after.c)
        t = jnp.tanh(shown * params.scale_c + params.shift_c)
        dy = dstate.h * o * (1 - t * t)
        dn = dy * params.scale_c
        through = dn - products.mean(dn) - shown * products.mean(dn * shown)
        dc = dstate.c + c_root * through
        di, df, dg = dc * g * i * (1 - i), dc * before.c * f * (1 - f), dc * i * (1 - g * g)
        dz = emit((di, df, dg, dstate.h * t * o * (1 - o)))
        by_x, by_h = dz * of_x, dz * of_h
        emit.add((by_x, by_h, dy * shown, dy))
        emit(_through(products, dz, by_x, params.scale_x, of_x, roots[:, :1]))
        pulled = emit(_through(products, dz, by_h, params.scale_h, of_h, roots[:, 1:]))
        return LSTMState(products.pull(pulled), dc * f)

    @staticmethod
    def gradient(products: Products, saved, before: LSTMState, dzs, *sums: Array):
        dz, of_x, of_h = dzs
        dw_x, dw_h = products.outer_input(of_x), products.outer(before.h, of_h)
        return Prepared(dw_x, dw_h, bias(dz), *sums), products.pull_input(of_x)


def _normalise(products: Products, z: Array) -> tuple[Array, Array]:
    """[B, 4, H] of mean zero -> (it normalised, [B, 1] what it was multiplied by)."""
    mean_square = products.mean(sum(part * part for part in split(z))) / z.shape[1]
    root = lax.rsqrt(mean_square + EPSILON)
    return z * root[..., None], root


def _normalise_state(products: Products, c: Array) -> tuple[Array, Array]:
    """[B, H] -> (it normalised, [B, 1] what it was multiplied by)."""
    centred = c - products.mean(c)
    root = lax.rsqrt(products.mean(centred * centred) + EPSILON)
    return centred * root, root


def _through(products, dz: Array, by_n: Array, scale: Array, n: Array, root: Array) -> Array:
    """[B, 4, H], the gradient of scale n -> that of what was normalised."""
    shared = products.mean(sum(split(by_n * scale))) / n.shape[1]
    return root[..., None] * (dz * scale - n * shared[..., None])
