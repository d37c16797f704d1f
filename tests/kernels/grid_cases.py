"""Grids of one, two and three dimensions with everything that may be chosen, and their oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import grid as oracle

from nnarch.kernels import GridState, init_grid_lstm

HIDDEN, LAYERS = 3, 2
IMPLEMENTATIONS = ("wavefront", "reference")

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def parameters(dimensions, *, tied=True, seed=0):
    """Biases too are other than zero."""
    layers = None if tied else LAYERS
    params = init_grid_lstm(jax.random.key(seed), HIDDEN, dimensions=dimensions, layers=layers)
    rng = np.random.default_rng(seed)
    return params._replace(
        b=tuple(b + rng.normal(size=b.shape).astype(np.float32) for b in params.b)
    )


def state(*shape, seed=1):
    """h and m, normal."""
    h, m = np.random.default_rng(seed).normal(size=(2, *shape, HIDDEN)).astype(np.float32)
    return GridState(jnp.asarray(h), jnp.asarray(m))


def sequences(lengths, steps, *, seed=1):
    """What enters along depth at each step, NaN past the lengths; and what enters along time."""
    xs = jax.tree.map(np.array, state(len(lengths), steps, seed=seed))
    for row, length in enumerate(lengths):
        xs.h[row, length:] = xs.m[row, length:] = np.nan
    return jax.tree.map(jnp.asarray, xs), state(len(lengths), LAYERS, seed=seed + 1)


def pictures(sizes, rows, columns, *, seed=1):
    """What enters along depth at each pixel, NaN outside the sizes; and what enters both sides."""
    xs = jax.tree.map(np.array, state(len(sizes), rows, columns, seed=seed))
    for picture, (y, x) in enumerate(sizes):
        for part in xs:
            part[picture, y:] = part[picture, :, x:] = np.nan
    sides = (
        state(len(sizes), columns, LAYERS, seed=seed + 1),
        state(len(sizes), rows, LAYERS, seed=seed + 2),
    )
    return jax.tree.map(jnp.asarray, xs), sides


def memory(kinds, place, m):
    """A dimension without memory lets none in."""
    return m if kinds[place] == "lstm" else np.zeros_like(m)


def expected_1d(params, initial, *, dimensions, squash="after"):
    """h and m [B, H]."""
    rows = []
    for h, m in zip(*initial, strict=True):
        ((h, m),) = oracle.grid(params, [(h, m)], LAYERS, kinds=dimensions, squash=squash)
        rows.append((h, memory(dimensions, 0, m)))
    return tuple(map(np.stack, zip(*rows, strict=True)))


def expected_2d(params, xs, initial, lengths, *, dimensions, priority=None, squash="after"):
    """ys and final: h and m each, [B, T, H] and [B, L, H]."""
    ys = [np.zeros(xs.h.shape) for _ in range(2)]
    final = [np.asarray(part, np.float64) for part in initial]
    final[1] = memory(dimensions, 0, final[1])
    for row, length in enumerate(lengths):
        time = [np.asarray(part[row]) for part in initial]
        depth = [np.asarray(part[row, :length]) for part in xs]
        out = oracle.grid(
            params, [time, depth], LAYERS, kinds=dimensions, priority=priority, squash=squash
        )
        for part in range(2):
            ys[part][row, :length] = out[1][part]
            if length:
                final[part][row] = out[0][part]
    return ys, final


def expected_3d(params, xs, sides, sizes, *, dimensions, priority=None, squash="after"):
    """h and m [B, Y, X, H]."""
    ys = [np.zeros(xs.h.shape) for _ in range(2)]
    for picture, (rows, columns) in enumerate(sizes):
        own = [
            [np.asarray(part[picture, :columns]) for part in sides[0]],
            [np.asarray(part[picture, :rows]) for part in sides[1]],
            [np.asarray(part[picture, :rows, :columns]) for part in xs],
        ]
        out = oracle.grid(params, own, LAYERS, kinds=dimensions, priority=priority, squash=squash)
        for part in range(2):
            ys[part][picture, :rows, :columns] = out[2][part]
    return ys
