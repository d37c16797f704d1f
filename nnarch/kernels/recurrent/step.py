"""One time step of each cell, forward and backward, in terms of the products of its weights.

A cell is a namespace of pure functions:

    weights(params) -> Weights                       gates apart
    inputs(products, params) -> stacks               what steps read of the input, x at each
    forward(products, params, x, state) -> (state', saved)
    made(saved, before, after) -> state'             where zoneout kept some of the one before
    backward(products, params, saved, before, after, dstate, emit) -> dbefore
    gradient(products, params, saved, before, dz, *sums) -> (dparams, dx)

`forward` and `backward` see one step; `gradient` sees the stacks of all steps and forms each
weight's gradient as one product. `forward` saves a tuple of what the loop is to stack, gates joined
[B, G, H] or apart (a tuple of G arrays [B, H], which the loop joins as suits the platform);
`backward` and `gradient` see them joined. `dz` holds the stacks of what a cell handed to `emit`:
gates, apart or joined, of which `emit` returns the joined array. `sums` are of what it handed to
`emit.add`, [B, ...] a step, over time and rows.
The gradient of a gate with respect to its argument is written with the gate's own value:
sigmoid' = a (1 - a), tanh' = 1 - a^2.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.cells import ElmanParams, ElmanState, GRUParams, GRUState, LSTMParams, LSTMState
from nnarch.kernels.recurrent.products import Gates, Products, Weights, split

Emit = Callable[[Gates], Array]

_RESET_UPDATE, _CANDIDATE = slice(0, 2), slice(2, 3)


def separate(w_x: Array, w_h: Array, b: Array, gates: int | None = None) -> Weights:
    """Gives the gates an axis of their own: [.., G H] -> [.., G, H]."""
    # Cut and stacked, not reshaped: of columns that are sharded over devices a reshape makes shards
    # of the gates' axis, and each step then exchanges gates beside gathering h.
    gates = gates or w_x.shape[1] // w_h.shape[0]
    return Weights(*(jnp.stack(jnp.split(w, gates, axis=-1), axis=-2) for w in (w_x, w_h, b)))


def side_by_side(x: Array, h: Array, b: Array) -> tuple[Array, Array, Array]:
    """The inverse of `separate`."""
    gates = range(b.shape[0])
    return tuple(jnp.concatenate([w[..., g, :] for g in gates], axis=-1) for w in (x, h, b))


def sigmoid(z: Array) -> Array:
    """Through tanh, which has no overflow to guard against."""
    return 0.5 * jnp.tanh(0.5 * z) + 0.5


class ReadsInput:
    """A cell that reads of its input what its products offer."""

    keeps_inputs = False  # whether `gradient` finds them behind what was saved
    saves_over_inputs = False  # whether all that it saves is made at once from all that it reads
    saved_exactly = 0  # how many of those it saves, the last ones, stay in the dtype of sums

    @staticmethod
    def inputs(products: Products, params: tuple) -> Array:
        return products.inputs


class ElmanStep(ReadsInput):
    """h' = tanh(x w_x + h w_h + b)."""

    Params, State = ElmanParams, ElmanState

    @staticmethod
    def weights(params: ElmanParams) -> Weights:
        return separate(*params)

    @staticmethod
    def forward(products: Products, params: ElmanParams, x: Array, state: ElmanState):
        (z,) = split(products.affine(x, state.h))
        return ElmanState(jnp.tanh(z)), ()

    # dz = dh' (1 - h'^2);  dh = w_h dz
    @staticmethod
    def backward(products: Products, params, saved, before, after: ElmanState, dstate, emit: Emit):
        dz = emit((dstate.h * (1 - after.h * after.h),))
        return ElmanState(products.pull(dz))

    @staticmethod
    def gradient(products: Products, params, saved, before: ElmanState, dzs):
        (dz,) = dzs
        dparams = dense_gradient(products, before.h, dz)
        return ElmanParams(*dparams), products.pull_input(dz)


class KeptElmanStep(ElmanStep):
    """Keeps what it made, for calls in which it may not be the state after the step."""

    @staticmethod
    def forward(products: Products, params: ElmanParams, x: Array, state: ElmanState):
        made, _ = ElmanStep.forward(products, params, x, state)
        return made, ((made.h,),)

    @staticmethod
    def made(saved, before: ElmanState, after: ElmanState) -> ElmanState:
        return ElmanState(*split(saved[0]))


class LSTMStep(ReadsInput):
    """i, f, o = sigmoid, g = tanh of x w_x + h w_h + b;  c' = f c + i g;  h' = o tanh(c')."""

    Params, State = LSTMParams, LSTMState
    saves_over_inputs = True

    @staticmethod
    def weights(params: LSTMParams) -> Weights:
        return separate(*params)

    @staticmethod
    def forward(products: Products, params: LSTMParams, x: Array, state: LSTMState):
        gates = lstm_gates(products.affine(x, state.h))
        i, f, g, o = split(gates)
        c = f * state.c + i * g
        return LSTMState(o * jnp.tanh(c), c), (gates,)

    @staticmethod
    def made(saved, before: LSTMState, after: LSTMState) -> LSTMState:
        i, f, g, _ = split(saved[0])
        return LSTMState(after.h, f * before.c + i * g)  # no gradient asks for h

    # With dc the gradient of c' from all that follows, its path through h' included:
    #     dc  = dc' + dh' o (1 - tanh(c')^2)
    #     di  = dc g,  df = dc c,  dg = dc i,  do = dh' tanh(c'),  each times its gate's derivative
    #     dh  = w_h [di, df, dg, do];  dc of the step before = dc f
    @staticmethod
    def backward(products: Products, params, saved, before, after: LSTMState, dstate, emit: Emit):
        i, f, g, o = split(saved[0])
        tanh_c = jnp.tanh(after.c)
        dc = dstate.c + dstate.h * o * (1 - tanh_c * tanh_c)
        di, df, dg = dc * g * i * (1 - i), dc * before.c * f * (1 - f), dc * i * (1 - g * g)
        dz = emit((di, df, dg, dstate.h * tanh_c * o * (1 - o)))
        return LSTMState(products.pull(dz), dc * f)

    @staticmethod
    def gradient(products: Products, params, saved, before: LSTMState, dzs):
        (dz,) = dzs
        dparams = dense_gradient(products, before.h, dz)
        return LSTMParams(*dparams), products.pull_input(dz)


def lstm_gates(z: Array) -> Array:
    """sigmoid, sigmoid, tanh, sigmoid in one pass: sigmoid(z) = tanh(z / 2) / 2 + 1 / 2."""
    scale = np.array([0.5, 0.5, 1, 0.5], z.dtype)[:, None]
    shift = np.array([0.5, 0.5, 0, 0.5], z.dtype)[:, None]
    return scale * jnp.tanh(scale * z) + shift


class GRUAfterStep(ReadsInput):
    """r, z = sigmoid;  n = tanh(x w_n + b_n' + r (h u_n + b_n));  h' = (1 - z) n + z h."""

    Params, State = GRUParams, GRUState

    @staticmethod
    def weights(params: GRUParams) -> Weights:
        return separate(*params[:3])

    @staticmethod
    def forward(products: Products, params: GRUParams, x: Array, state: GRUState):
        x_r, x_z, x_n = split(products.input(x))
        h_r, h_z, h_n = split(products.hidden(state.h))
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        reset_n = h_n + params.b_n.astype(h_n.dtype)
        n = jnp.tanh(x_n + r * reset_n)
        return GRUState(n + z * (state.h - n)), ((r, z, n, reset_n),)

    @staticmethod
    def made(saved, before: GRUState, after: GRUState) -> GRUState:
        return after  # no gradient asks for it

    # dz = dh' (h - n) z',  dn = dh' (1 - z) n',  dr = dn (h u_n + b_n) r'
    # dh = dh' z + w_h [dr, dz, r dn]: the recurrent side of n sees r dn, the input side dn
    @staticmethod
    def backward(products: Products, params, saved, before: GRUState, after, dstate, emit: Emit):
        r, z, n, reset_n = split(saved[0])
        dh = dstate.h
        dn = dh * (1 - z) * (1 - n * n)
        dr = dn * reset_n * r * (1 - r)
        dz = dh * (before.h - n) * z * (1 - z)
        recurrent = emit((dr, dz, dn * r))
        emit((dn,))
        return GRUState(dh * z + products.pull(recurrent))

    @staticmethod
    def gradient(products: Products, params, saved, before: GRUState, dzs):
        recurrent, dn = dzs
        d_rz = recurrent[..., _RESET_UPDATE, :]
        dw_x = [products.outer_input(d_rz), products.outer_input(dn)]
        db = [bias(d_rz), bias(dn)]
        dw_h = products.outer(before.h, recurrent)
        db_n = bias(recurrent[..., _CANDIDATE, :])[0]
        dx = products.pull_input(d_rz, _RESET_UPDATE) + products.pull_input(dn, _CANDIDATE)
        dense = side_by_side(jnp.concatenate(dw_x, axis=1), dw_h, jnp.concatenate(db))
        return GRUParams(*dense, db_n), dx


class GRUBeforeStep(ReadsInput):
    """r, z = sigmoid;  n = tanh(x w_n + b_n' + (r h) u_n + b_n);  h' = (1 - z) n + z h."""

    Params, State = GRUParams, GRUState

    @staticmethod
    def weights(params: GRUParams) -> Weights:
        w = separate(*params[:3])
        return w._replace(b=w.b.at[2].add(params.b_n))

    @staticmethod
    def forward(products: Products, params: GRUParams, x: Array, state: GRUState):
        r, z = split(sigmoid(products.affine(x, state.h, _RESET_UPDATE)))
        (n,) = split(jnp.tanh(products.affine(x, r * state.h, _CANDIDATE)))
        return GRUState(n + z * (state.h - n)), ((r, z, n),)

    @staticmethod
    def made(saved, before: GRUState, after: GRUState) -> GRUState:
        return after  # no gradient asks for it

    # dn = dh' (1 - z) n';  d(r h) = u_n dn;  dr = d(r h) h r';  dz = dh' (h - n) z'
    # dh = dh' z + d(r h) r + [u_r, u_z] [dr, dz]
    @staticmethod
    def backward(products: Products, params, saved, before: GRUState, after, dstate, emit: Emit):
        r, z, n = split(saved[0])
        dh = dstate.h
        dn = emit((dh * (1 - z) * (1 - n * n),))
        d_reset_h = products.pull(dn, _CANDIDATE)
        d_rz = emit((d_reset_h * before.h * r * (1 - r), dh * (before.h - n) * z * (1 - z)))
        return GRUState(dh * z + d_reset_h * r + products.pull(d_rz, _RESET_UPDATE))

    @staticmethod
    def gradient(products: Products, params, saved, before: GRUState, dzs):
        dn, d_rz = dzs
        dw_x = [products.outer_input(d_rz), products.outer_input(dn)]
        reset_h = saved[0][..., 0, :].astype(before.h.dtype) * before.h
        dw_h = [products.outer(before.h, d_rz), products.outer(reset_h, dn)]
        db = [bias(d_rz), bias(dn)]
        dx = products.pull_input(d_rz, _RESET_UPDATE) + products.pull_input(dn, _CANDIDATE)
        dense = side_by_side(
            jnp.concatenate(dw_x, axis=1), jnp.concatenate(dw_h, axis=1), jnp.concatenate(db)
        )
        return GRUParams(*dense, db[1][0]), dx


def dense_gradient(products: Products, before: Array, dz: Array) -> tuple[Array, Array, Array]:
    """The gradients of w_x, w_h, b where every gate's argument is x w_x + h w_h + b."""
    return side_by_side(products.outer_input(dz), products.outer(before, dz), bias(dz))


def bias(dzs: Array) -> Array:
    """[T, B, G, H] -> [G, H]."""
    return jnp.sum(dzs, axis=(0, 1))


Step = type[ElmanStep] | type[LSTMStep] | type[GRUAfterStep] | type[GRUBeforeStep]

# Which step serves a cell under zoneout, where it is not the cell's own.
UNDER_ZONEOUT = {ElmanStep: KeptElmanStep}
