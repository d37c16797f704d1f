"""A convolutional LSTM through one volume as loops over voxels, in float64, from the equations."""

import itertools

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def conv_lstm(params, xs, *, axis=0, reverse=False):
    """params of one direction, xs [Z, Y, X, D] -> hs [Z, Y, X, H]."""
    w_x, w_h, b = (np.asarray(p, np.float64) for p in params)
    planes = np.moveaxis(np.asarray(xs, np.float64), axis, 0)
    planes = planes[::-1] if reverse else planes
    steps, rows, columns, _ = planes.shape
    hidden = w_h.shape[2]
    hs = np.zeros((steps, rows, columns, hidden))
    before = np.zeros((rows, columns, hidden))
    c = np.zeros_like(before)
    for t in range(steps):
        for p, q in itertools.product(range(rows), range(columns)):
            z = b + windowed(w_x, planes[t], p, q) + windowed(w_h, before, p, q)
            z_i, z_f, z_g, z_o = np.split(z, 4)
            c[p, q] = sigmoid(z_f) * c[p, q] + sigmoid(z_i) * np.tanh(z_g)
            hs[t, p, q] = sigmoid(z_o) * np.tanh(c[p, q])
        before = hs[t]
    return np.moveaxis(hs[::-1] if reverse else hs, 0, axis)


def windowed(w, plane, p, q):
    """The sum over a window about (p, q), what lies off the plane being zero."""
    size, rows, columns = len(w), *plane.shape[:2]
    total = np.zeros(w.shape[3])
    for i, j in itertools.product(range(size), repeat=2):
        row, column = p + i - size // 2, q + j - size // 2
        if 0 <= row < rows and 0 <= column < columns:
            total += plane[row, column] @ w[i, j]
    return total


def pyramid(params, xs):
    """params with a leading axis of 6, xs [Z, Y, X, D] -> hs [Z, Y, X, H], a sum of directions."""
    return sum(
        conv_lstm([p[number] for p in params], xs, axis=number // 2, reverse=number % 2 == 1)
        for number in range(6)
    )
