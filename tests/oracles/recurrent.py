"""Recurrent cells as float64 loops over rows, time and gates, from the published equations.

They share no code with the kernels, and differences of them are an oracle of the gradients.
"""

import numpy as np


def sigmoid(z):
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


def _gate(params, name, order, x, h):
    """x w_x + h w_h + b of one gate."""
    size = len(h)
    columns = slice(order.index(name) * size, (order.index(name) + 1) * size)
    return x @ params.w_x[:, columns] + h @ params.w_h[:, columns] + params.b[columns]


def elman(params, x, state):
    """Elman 1990."""
    (h,) = state
    return (np.tanh(_gate(params, "h", "h", x, h)),)


def lstm(params, x, state):
    """Gers, Schmidhuber and Cummins 2000."""
    h, c = state
    i, f, o = (sigmoid(_gate(params, name, "ifgo", x, h)) for name in "ifo")
    c = f * c + i * np.tanh(_gate(params, "g", "ifgo", x, h))
    return o * np.tanh(c), c


def gru_after(params, x, state):
    """cuDNN's GRU: the reset gate is applied to the recurrent product."""
    (h,) = state
    r, z = (sigmoid(_gate(params, name, "rzn", x, h)) for name in "rz")
    size = len(h)
    recurrent = h @ params.w_h[:, 2 * size :] + params.b_n
    n = np.tanh(x @ params.w_x[:, 2 * size :] + params.b[2 * size :] + r * recurrent)
    return ((1 - z) * n + z * h,)


def gru_before(params, x, state):
    """Cho et al. 2014: the reset gate is applied to the state."""
    (h,) = state
    r, z = (sigmoid(_gate(params, name, "rzn", x, h)) for name in "rz")
    n = np.tanh(_gate(params, "n", "rzn", x, r * h) + params.b_n)
    return ((1 - z) * n + z * h,)


def run(cell, params, xs, initial, lengths, *, reverse=False):
    """xs [B, T, D], initial states [B, H] -> (ys [B, T, H], states [B, H])."""
    params = type(params)(*(np.asarray(p, np.float64) for p in params))
    xs = np.asarray(xs, np.float64)
    finals = [np.array(s, np.float64) for s in initial]
    ys = np.zeros((*xs.shape[:2], finals[0].shape[1]))
    for row, length in enumerate(lengths):
        state = tuple(s[row] for s in finals)
        for t in reversed(range(length)) if reverse else range(length):
            state = cell(params, xs[row, t], state)
            ys[row, t] = state[0]
        for final, value in zip(finals, state, strict=True):
            final[row] = value
    return ys, type(initial)(*finals)


def run_both(cell, params, xs, initial, lengths):
    """Pairs of parameters and states, forward first -> (ys [B, T, 2H], the pair of states)."""
    there, first = run(cell, params[0], xs, initial[0], lengths)
    back, second = run(cell, params[1], xs, initial[1], lengths, reverse=True)
    return np.concatenate([there, back], axis=-1), (first, second)
