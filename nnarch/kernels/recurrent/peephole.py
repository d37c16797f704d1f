"""One time step of an LSTM whose gates see its state c: an element each, through no product."""

import jax.numpy as jnp
from jax import Array

from nnarch.kernels.cells import LSTMState, PeepholeLSTMParams
from nnarch.kernels.recurrent.products import Products, Weights, split
from nnarch.kernels.recurrent.step import Emit, ReadsInput, dense_gradient, separate, sigmoid


class PeepholeLSTMStep(ReadsInput):
    """i, f see c before the step, o sees c' after it;  c' = f c + i g;  h' = o tanh(c')."""

    Params, State = PeepholeLSTMParams, LSTMState

    @staticmethod
    def weights(params: PeepholeLSTMParams) -> Weights:
        return separate(params.w_x, params.w_h, params.b)

    @staticmethod
    def forward(products: Products, params: PeepholeLSTMParams, x: Array, state: LSTMState):
        p_i, p_f, p_o = _peepholes(params, state.c.dtype)
        z_i, z_f, z_g, z_o = split(products.affine(x, state.h))
        i, f = sigmoid(z_i + p_i * state.c), sigmoid(z_f + p_f * state.c)
        g = jnp.tanh(z_g)
        c = f * state.c + i * g
        o = sigmoid(z_o + p_o * c)
        return LSTMState(o * jnp.tanh(c), c), ((i, f, g, o),)

    @staticmethod
    def made(saved, before: LSTMState, after: LSTMState) -> LSTMState:
        i, f, g, _ = split(saved[0])
        return LSTMState(after.h, f * before.c + i * g)  # no gradient asks for h

    # As an LSTM's, and through the peepholes, di, df, do being gradients of the gates' arguments:
    #     dc = dc' + dh' o (1 - tanh(c')^2) + p_o do
    #     dc of the step before = dc f + p_i di + p_f df
    #     dp_i = di c,  dp_f = df c,  dp_o = do c', over time and rows
    @staticmethod
    def backward(products: Products, params, saved, before, after: LSTMState, dstate, emit: Emit):
        i, f, g, o = split(saved[0])
        p_i, p_f, p_o = _peepholes(params, after.c.dtype)
        tanh_c = jnp.tanh(after.c)
        do = dstate.h * tanh_c * o * (1 - o)
        dc = dstate.c + dstate.h * o * (1 - tanh_c * tanh_c) + p_o * do
        di, df = dc * g * i * (1 - i), dc * before.c * f * (1 - f)
        dz = emit((di, df, dc * i * (1 - g * g), do))
        emit.add((di * before.c, df * before.c, do * after.c))
        return LSTMState(products.pull(dz), dc * f + p_i * di + p_f * df)

    @staticmethod
    def gradient(products: Products, params, saved, before: LSTMState, dzs, *peepholes: Array):
        (dz,) = dzs
        dense = dense_gradient(products, before.h, dz)
        return PeepholeLSTMParams(*dense, *peepholes), products.pull_input(dz)


def _peepholes(params: PeepholeLSTMParams, dtype: jnp.dtype) -> tuple[Array, Array, Array]:
    return tuple(p.astype(dtype) for p in (params.p_i, params.p_f, params.p_o))
