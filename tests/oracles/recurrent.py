"""Recurrent cells as float64 loops over rows, time and gates, from the published equations.

They share no code with the kernels, and differences of them are an oracle of the gradients. `m` is
what h is multiplied by before it meets recurrent weights (Gal and Ghahramani 2016, equation 7).
"""

from typing import NamedTuple

import numpy as np


def sigmoid(z):
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def _gate(params, name, order, x, h):
    """x w_x + h w_h + b of one gate."""
    size = len(h)
    columns = slice(order.index(name) * size, (order.index(name) + 1) * size)
    return x @ params.w_x[:, columns] + h @ params.w_h[:, columns] + params.b[columns]


def elman(params, x, state, m=1):
    """Elman 1990."""
    (h,) = state
    return (np.tanh(_gate(params, "h", "h", x, m * h)),)


def lstm(params, x, state, m=1):
    """Gers, Schmidhuber and Cummins 2000."""
    h, c = state
    i, f, o = (sigmoid(_gate(params, name, "ifgo", x, m * h)) for name in "ifo")
    c = f * c + i * np.tanh(_gate(params, "g", "ifgo", x, m * h))
    return o * np.tanh(c), c


def peephole_lstm(params, x, state, m=1):
    """Gers and Schmidhuber 2000."""
    h, c = state
    z = {name: _gate(params, name, "ifgo", x, m * h) for name in "ifgo"}
    i, f = sigmoid(z["i"] + params.p_i * c), sigmoid(z["f"] + params.p_f * c)
    c = f * c + i * np.tanh(z["g"])
    return sigmoid(z["o"] + params.p_o * c) * np.tanh(c), c


def layer_norm_lstm(params, x, state, m=1):
    """Ba, Kiros and Hinton 2016, equations 20 to 22."""
    h, c = state
    z = params.scale_h * _layer_norm((m * h) @ params.w_h)
    z = z + params.scale_x * _layer_norm(x @ params.w_x) + params.b
    i, f, g, o = np.split(z, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(params.scale_c * _layer_norm(c) + params.shift_c), c


def _layer_norm(a):
    """Ba, Kiros and Hinton 2016, equation 4."""
    mean = sum(a) / len(a)
    return (a - mean) / np.sqrt(sum((a - mean) ** 2) / len(a) + 1e-5)


def gru_after(params, x, state, m=1):
    """cuDNN's GRU: the reset gate is applied to the recurrent product."""
    (h,) = state
    r, z = (sigmoid(_gate(params, name, "rzn", x, m * h)) for name in "rz")
    size = len(h)
    recurrent = (m * h) @ params.w_h[:, 2 * size :] + params.b_n
    n = np.tanh(x @ params.w_x[:, 2 * size :] + params.b[2 * size :] + r * recurrent)
    return ((1 - z) * n + z * h,)


def gru_before(params, x, state, m=1):
    """Cho et al. 2014: the reset gate is applied to the state."""
    (h,) = state
    r, z = (sigmoid(_gate(params, name, "rzn", x, m * h)) for name in "rz")
    n = np.tanh(_gate(params, "n", "rzn", x, r * m * h) + params.b_n)
    return ((1 - z) * n + z * h,)


def run(cell, params, xs, initial, lengths, *, reverse=False, **options):
    """xs [B, T, D], initial states [B, H] -> (ys [B, T, H], states [B, H])."""
    params = type(params)(*(np.asarray(p, np.float64) for p in params))
    xs = np.asarray(xs, np.float64)
    finals = [np.array(s, np.float64) for s in initial]
    ys = np.zeros((*xs.shape[:2], finals[0].shape[1]))
    for row, length in enumerate(lengths):
        state = tuple(s[row] for s in finals)
        for t in reversed(range(length)) if reverse else range(length):
            state = _step(cell, params, xs[row, t], state, _Place(row, t, length, reverse), options)
            ys[row, t] = state[0]
        for final, value in zip(finals, state, strict=True):
            final[row] = value
    return ys, type(initial)(*finals)


class _Place(NamedTuple):
    """Where a step stands."""

    row: int
    t: int
    length: int
    reverse: bool

    def is_cut_off(self, starts):
        """Whether a sequence starts between this step and the one that was read before it."""
        later = self.t + 1 if self.reverse else self.t
        return later < self.length and starts[self.row, later]


def _step(cell, params, x, state, place, options):
    """A step whose state may be cut off, masked, and kept in part (Krueger et al. 2016)."""
    starts, mask, zoneout = (options.get(n) for n in ("starts", "recurrent_mask", "zoneout"))
    if starts is not None and place.is_cut_off(np.asarray(starts)):
        state = tuple(np.zeros_like(s) for s in state)
    made = cell(params, x, state, 1 if mask is None else np.asarray(mask, np.float64)[place.row])
    if zoneout is None:
        return made
    kept = [_share(z, place) for z in zoneout]
    return tuple(z * s + (1 - z) * n for z, s, n in zip(kept, state, made, strict=True))


def _share(z, place):
    """How much of each unit's state is kept."""
    if z is None or np.ndim(z) == 0:
        return z or 0
    return np.asarray(z, np.float64)[place.row, place.t]


def run_both(cell, params, xs, initial, lengths, **options):
    """Pairs of parameters and states, forward first -> (ys [B, T, 2H], the pair of states)."""
    forward, backward = ({**options, **_of_direction(options, d)} for d in range(2))
    there, first = run(cell, params[0], xs, initial[0], lengths, **forward)
    back, second = run(cell, params[1], xs, initial[1], lengths, reverse=True, **backward)
    return np.concatenate([there, back], axis=-1), (first, second)


def _of_direction(options, direction):
    pairs = (name for name in ("recurrent_mask", "zoneout") if options.get(name) is not None)
    return {name: options[name][direction] for name in pairs}
