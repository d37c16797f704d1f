"""Pictures of several sizes in one batch, and every way in which an MDLSTM may be served."""

import contextlib
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import mdlstm as oracle

from nnarch.kernels.multidim import MDLSTMParams, init_mdlstm, strip_layout, strips, wavefront
from nnarch.kernels.multidim.mdlstm import DIRECTIONS
from nnarch.kernels.recurrent import scan
from nnarch.kernels.recurrent.products import OnAccelerator

INPUTS, HIDDEN = 2, 3
# "strips" lays all pictures of a batch in one, and runs all directions in one loop, which few or
# small ones would not be otherwise.
IMPLEMENTATIONS = ("wavefront", "strips", "accelerator", "reference")

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
every_cell = pytest.mark.parametrize("stable", [False, True], ids=["graves", "stable"])


@contextlib.contextmanager
def served_by(implementation):
    """Within it calls are traced, and differentiated, by this implementation."""
    patches, precision = PATCHES.get(implementation, ((), None))
    # Another precision (on a CPU the same) keeps jit from taking what it traced for another.
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(mock.patch.object(*patch))
        stack.enter_context(jax.default_matmul_precision(precision))
        yield "reference" if implementation == "reference" else "wavefront"


PATCHES = {
    "strips": (((strip_layout, "MOST_ROWS", 0), (strips, "MANY_ROWS", 0)), "highest"),
    "accelerator": (
        (
            (wavefront, "_on_platform", lambda cpu, default, *operands: default(*operands)),
            (scan, "_on_platform", lambda run, *operands: run(OnAccelerator, *operands)),
        ),
        "high",
    ),
}


def parameters(directions=None, *, seed=0, stable=False):
    """Of one direction, or of several with a leading axis; biases too are other than zero."""
    keys = jax.random.split(jax.random.key(seed), directions or 1)
    drawn = [init_mdlstm(k, INPUTS, HIDDEN, stable=stable) for k in keys]
    rng = np.random.default_rng(seed)
    drawn = [p._replace(b=p.b + rng.normal(size=p.b.shape).astype(np.float32)) for p in drawn]
    if directions is None:
        return drawn[0]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)


def pictures(shape, *, sizes=None, seed=1):
    """[B, Y, X, INPUTS], NaN outside the sizes."""
    xs = np.random.default_rng(seed).normal(size=(*shape, INPUTS)).astype(np.float32)
    if sizes is not None:
        for picture, (rows, columns) in zip(xs, sizes, strict=True):
            picture[rows:] = picture[:, columns:] = np.nan
    return jnp.asarray(xs)


def expected_directions(params, xs, sizes, *, stable):
    """The oracle's answer, float64 [B, Y, X, 4, H]."""
    ys = np.zeros((*xs.shape[:3], len(DIRECTIONS), HIDDEN))
    for row, (rows, columns) in enumerate(sizes):
        for number, flip in enumerate(DIRECTIONS):
            of_one = MDLSTMParams(*(p[number] for p in params))
            valid = np.asarray(xs[row, :rows, :columns])
            hs, _ = oracle.mdlstm(of_one, valid, stable=stable, flip=flip)
            ys[row, :rows, :columns, number] = hs
    return ys
