"""Cells, parameters and pictures that tests of ReNet share."""

import functools

import jax
import numpy as np
import pytest
from kernels.mdlstm_cases import pictures as plain_pictures
from kernels.recurrent_cases import CELLS
from oracles import renet as oracle

from nnarch.kernels import init_renet, renet

INPUTS, HIDDEN = 2, 3

every_cell = pytest.mark.parametrize("cell", CELLS)
pictures = plain_pictures


def run(cell, params, xs, **options):
    """The kernel with that cell."""
    return renet(CELLS[cell].kernel, params, xs, **options, **dict(CELLS[cell].options))


def parameters(cell, patch=(2, 2), *, seed=0):
    """Of four sweeps; biases too are other than zero."""
    draw = functools.partial(init_renet, kernel=CELLS[cell].kernel, patch=patch)
    params = draw(jax.random.key(seed), INPUTS, HIDDEN)
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: p + rng.normal(size=p.shape).astype(p.dtype) / 4, params)


def expected(cell, params, xs, sizes, patch):
    """The oracle's answer, float64."""
    sides = [-(-side // size) for side, size in zip(xs.shape[1:3], patch, strict=True)]
    ys = np.zeros((len(xs), *sides, 2 * HIDDEN))
    states = len(CELLS[cell].state._fields)
    for row, (rows, columns) in enumerate(sizes):
        if rows and columns:
            picture = np.asarray(xs[row, :rows, :columns], np.float64)
            said = oracle.renet(CELLS[cell].oracle, states, params, picture, patch)
            ys[row, : said.shape[0], : said.shape[1]] = said
    return ys
