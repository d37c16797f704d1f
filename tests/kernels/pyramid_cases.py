"""Volumes of several sizes in one batch, and every way in which a PyraMiD-LSTM may be served."""

import contextlib
import importlib
from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.kernels.multidim.pyramid import init_pyramid

sweep = importlib.import_module("nnarch.kernels.multidim.pyramid.sweep")

INPUTS, HIDDEN = 2, 3
IMPLEMENTATIONS = ("sweep", "accelerator", "reference")

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


@contextlib.contextmanager
def served_by(implementation):
    """Within it calls are traced, and differentiated, by this implementation."""
    if implementation != "accelerator":
        yield implementation
        return
    chosen = mock.patch.object(sweep, "_on_platform", lambda run, *args: run(False, *args))
    # Another precision (on a CPU the same) keeps jit from taking what it traced for another.
    with chosen, jax.default_matmul_precision("high"):
        yield "sweep"


def parameters(directions=None, *, window=3, inputs=INPUTS, seed=0):
    """Of one direction, or of several with a leading axis; no window or bias is zero anywhere."""
    rng = np.random.default_rng(seed)
    draw = partial(init_pyramid, input_size=inputs, hidden_size=HIDDEN, window=window)
    drawn = [draw(key) for key in jax.random.split(jax.random.key(seed), directions or 1)]
    drawn = [
        jax.tree.map(lambda p: p + 0.3 * rng.normal(size=p.shape).astype(np.float32), each)
        for each in drawn
    ]
    if directions is None:
        return drawn[0]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)


def volumes(shape, *, sizes=None, seed=1):
    """[B, Z, Y, X, INPUTS], NaN outside the sizes."""
    xs = np.random.default_rng(seed).normal(size=(*shape, INPUTS)).astype(np.float32)
    if sizes is not None:
        for volume, (slices, rows, columns) in zip(xs, sizes, strict=True):
            volume[slices:] = volume[:, rows:] = volume[:, :, columns:] = np.nan
    return jnp.asarray(xs)
