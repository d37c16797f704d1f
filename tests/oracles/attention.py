"""Attention and the decoders that attend, row by row and step by step, in float64."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def score(params, query, key):
    """By the names of the parameters: {} is a dot product."""
    if "w" in params:
        return query @ params["w"] @ key
    if "v" in params:
        return params["v"] @ np.tanh(query @ params["w_query"] + key @ params["w_key"])
    return query @ key


def attend(params, query, values, length):
    """One query over the first `length` rows of values [S, V] -> context [V], shares [S]."""
    shares = np.zeros(len(values))
    if length == 0:
        return np.zeros(values.shape[1]), shares
    scores = np.array([score(params, query, values[s]) for s in range(length)])
    powers = np.exp(scores - scores.max())
    shares[:length] = powers / powers.sum()
    return shares[:length] @ values[:length], shares


def lstm_step(cell, x, state):
    h, c = state
    i, f, g, o = np.split(x @ cell["w_x"] + h @ cell["w_h"] + cell["b"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(cell, x, state, reset):
    (h,) = state
    x_r, x_z, x_n = np.split(x @ cell["w_x"] + cell["b"], 3)
    u_r, u_z, u_n = np.split(cell["w_h"], 3, axis=1)
    r, z = sigmoid(x_r + h @ u_r), sigmoid(x_z + h @ u_z)
    if reset == "after":
        n = np.tanh(x_n + r * (h @ u_n + cell["b_n"]))
    else:
        n = np.tanh(x_n + (r * h) @ u_n + cell["b_n"])
    return ((1 - z) * n + z * h,)


def step(cell, x, state, reset):
    return gru_step(cell, x, state, reset) if "b_n" in cell else lstm_step(cell, x, state)


def luong(params, xs, values, values_length, length, reset):
    """One row -> ys, contexts, shares, and the last state (h, .., fed)."""
    hidden = params["cell"]["w_h"].shape[0]
    state = tuple(np.zeros(hidden) for _ in range(1 if "b_n" in params["cell"] else 2))
    fed = np.zeros(len(params["b_out"]))
    ys, contexts, shares = _room(xs, len(fed), values)
    for t in range(length):
        state = step(params["cell"], np.concatenate([xs[t], fed]), state, reset)
        contexts[t], shares[t] = attend(params["score"], state[0], values, values_length)
        fed = np.tanh(np.concatenate([contexts[t], state[0]]) @ params["w_out"] + params["b_out"])
        ys[t] = fed
    return ys, contexts, shares, (*state, fed)


def bahdanau(params, xs, values, values_length, length, reset):
    """One row -> ys, contexts, shares, and the last state (h, ..)."""
    hidden = params["cell"]["w_h"].shape[0]
    state = tuple(np.zeros(hidden) for _ in range(1 if "b_n" in params["cell"] else 2))
    ys, contexts, shares = _room(xs, hidden, values)
    for t in range(length):
        contexts[t], shares[t] = attend(params["score"], state[0], values, values_length)
        state = step(params["cell"], np.concatenate([xs[t], contexts[t]]), state, reset)
        ys[t] = state[0]
    return ys, contexts, shares, state


def _room(xs, size, values):
    steps = len(xs)
    return (
        np.zeros((steps, size)),
        np.zeros((steps, values.shape[1])),
        np.zeros((steps, len(values))),
    )
