"""DRAW, one picture and one step at a time, in float64: written from the papers."""

import numpy as np
from oracles.attention import attend, lstm_step, sigmoid


def filters(numbers, grid, size):
    """Equations 21 to 26 of Gregor et al. 2015, pixels counted from 1 as there."""
    y, x, log_variance, log_stride, _ = numbers
    found = []
    for middle, length in ((y, size[0]), (x, size[1])):
        centre = (length + 1) / 2 * (middle + 1)
        stride = (max(size) - 1) / (grid - 1) * np.exp(log_stride)
        filtered = np.zeros((grid, length))
        for i in range(1, grid + 1):
            mean = centre + (i - grid / 2 - 0.5) * stride
            for a in range(1, length + 1):
                filtered[i - 1, a - 1] = np.exp(-((a - mean) ** 2) / (2 * np.exp(log_variance)))
        found.append(filtered / filtered.sum(axis=1, keepdims=True))
    return found


def read(picture, numbers, grid):
    rows, columns = filters(numbers, grid, picture.shape)
    return np.exp(numbers[4]) * rows @ picture @ columns.T


def write(patch, numbers, size):
    rows, columns = filters(numbers, len(patch), size)
    return rows.T @ patch @ columns / np.exp(numbers[4])


def _write(params, canvas, state, latent, values, length):
    context, shares = attend(params["score"], state[0], values, length)
    state = lstm_step(params["drawing"], np.concatenate([latent, context]), state)
    told = state[0] @ params["w_write"] + params["b_write"]
    grid = round((len(told) - 5) ** 0.5)
    stroke = write(told[5:].reshape(grid, grid), told[:5], canvas.shape)
    return canvas + stroke, state, told, shares


def _prior(params, h):
    return np.split(np.tanh(h @ params["w_prior"] + params["b_prior"]), 2)


def _begin(params, size):
    hidden = len(params["drawing"]["w_h"])
    return np.full(size, params["canvas"]), (np.zeros(hidden), np.zeros(hidden))


def draw_anew(params, values, length, noise, size):
    """-> canvases [T, Y, X], written [T, 5 + W^2], shares [T, S]."""
    canvas, state = _begin(params, size)
    steps = []
    for each in noise:
        mean, log_deviation = _prior(params, state[0])
        latent = mean + np.exp(log_deviation) * each
        canvas, state, told, shares = _write(params, canvas, state, latent, values, length)
        steps.append((canvas, told, shares))
    return [np.array(stack) for stack in zip(*steps, strict=True)]


def draw_again(params, picture, values, length, noise):
    """-> canvases [T, Y, X], written [T, 5 + W^2], shares [T, S], kl [T]."""
    canvas, state = _begin(params, picture.shape)
    looking = tuple(np.zeros(len(params["looking"]["w_h"])) for _ in range(2))
    seen_size = len(params["looking"]["w_x"]) - len(params["w_prior"])
    grid = round((seen_size / 2) ** 0.5)
    steps = []
    for each in noise:
        h = state[0]
        window = h @ params["w_read"] + params["b_read"]
        error = picture - sigmoid(canvas)
        seen = [read(of, window, grid).reshape(-1) for of in (picture, error)]
        looking = lstm_step(params["looking"], np.concatenate([*seen, h]), looking)
        mean, log_deviation = np.split(
            looking[0] @ params["w_posterior"] + params["b_posterior"], 2
        )
        prior_mean, prior_log_deviation = _prior(params, h)
        deviation, prior_deviation = np.exp(log_deviation), np.exp(prior_log_deviation)
        kl = np.log(prior_deviation / deviation) - 0.5
        kl = kl + (deviation**2 + (mean - prior_mean) ** 2) / (2 * prior_deviation**2)
        canvas, state, told, shares = _write(
            params, canvas, state, mean + deviation * each, values, length
        )
        steps.append((canvas, told, shares, kl.sum()))
    return [np.array(stack) for stack in zip(*steps, strict=True)]
