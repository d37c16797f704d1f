"""MDLSTM of one picture as two loops over pixels, in float64, from the paper's equations."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def mdlstm(params, xs, *, stable=False, flip=(False, False)):
    """params of one direction, xs [Y, X, D] -> hs and cs [Y, X, H]."""
    w_x, w_row, w_col, b = (np.asarray(p, np.float64) for p in params)
    xs = np.asarray(xs, np.float64)[:: -1 if flip[0] else 1, :: -1 if flip[1] else 1]
    rows, columns = xs.shape[:2]
    hidden = w_row.shape[0]
    # One more row and column, in front of the first: states off the picture are 0.
    h = np.zeros((rows + 1, columns + 1, hidden))
    c = np.zeros_like(h)
    for y in range(rows):
        for x in range(columns):
            z = xs[y, x] @ w_x + h[y, x + 1] @ w_row + h[y + 1, x] @ w_col + b
            z_i, z_row, z_col, z_g, z_o = np.split(z, 5)
            above, left = c[y, x + 1], c[y + 1, x]
            if stable:
                m = sigmoid(z_col)
                kept = sigmoid(z_row) * (m * above + (1 - m) * left)
            else:
                kept = sigmoid(z_row) * above + sigmoid(z_col) * left
            c[y + 1, x + 1] = sigmoid(z_i) * np.tanh(z_g) + kept
            h[y + 1, x + 1] = sigmoid(z_o) * np.tanh(c[y + 1, x + 1])
    back = (slice(None, None, -1 if flip[0] else 1), slice(None, None, -1 if flip[1] else 1))
    return h[1:, 1:][back], c[1:, 1:][back]
