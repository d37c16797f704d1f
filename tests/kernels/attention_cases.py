"""Decoders of every score and cell over rows of several lengths, some without keys or steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch import kernels

BATCH, STEPS, PLACES, INPUTS, VALUES, HIDDEN, OUTPUTS = 8, 4, 5, 2, 6, 6, 3
KEYS_OF = np.array([5, 0, 2, 1, 5, 3, 4, 5], np.int32)
LENGTHS = np.array([4, 2, 0, 1, 4, 3, 4, 2], np.int32)

SCORES = ("dot", "general", "additive")
CELLS = (("lstm", "after"), ("gru", "after"), ("gru", "before"))
DECODERS = ("luong", "bahdanau")

every_score = pytest.mark.parametrize("score", SCORES)
every_decoder = pytest.mark.parametrize("decoder", DECODERS)
every_implementation = pytest.mark.parametrize("implementation", ["scan", "reference"])


def parameters(decoder, *, score="general", cell="lstm", dtype=jnp.float32):
    """Drawn, biases too other than zero."""
    key = jax.random.key(3)
    if decoder == "luong":
        drawn = kernels.init_luong_decoder(
            key, INPUTS, VALUES, HIDDEN, OUTPUTS, cell=cell, score=score
        )
        drawn = drawn._replace(b_out=jnp.arange(OUTPUTS) / 10)
    else:
        drawn = kernels.init_bahdanau_decoder(
            key, INPUTS, VALUES, HIDDEN, 4, cell=cell, score=score
        )
    cell = drawn.cell._replace(b=drawn.cell.b + jnp.linspace(-0.5, 0.5, len(drawn.cell.b)))
    if hasattr(cell, "b_n"):
        cell = cell._replace(b_n=jnp.linspace(-0.3, 0.3, HIDDEN))
    return jax.tree.map(lambda p: p.astype(dtype), drawn._replace(cell=cell))


def problem(dtype=np.float32):
    """xs [B, T, D] and values [B, S, V], NaN past the lengths."""
    rng = np.random.default_rng(1)
    xs = rng.normal(size=(BATCH, STEPS, INPUTS)).astype(dtype)
    values = rng.normal(size=(BATCH, PLACES, VALUES)).astype(dtype)
    for row in range(BATCH):
        xs[row, LENGTHS[row] :] = values[row, KEYS_OF[row] :] = np.nan
    return jnp.asarray(xs), jnp.asarray(values)


def decode(decoder, params, xs, values, keys_of, lengths, *, reset="after", implementation=None):
    """The whole: a memory, and the decoder over it."""
    memory = kernels.attention_memory(params.score, values, lengths=keys_of)
    run = {"luong": kernels.luong_decoder, "bahdanau": kernels.bahdanau_decoder}[decoder]
    return run(params, xs, memory, lengths=lengths, reset=reset, implementation=implementation)


def weights_like(tree):
    """Arrays of this tree's shapes, to weigh a sum by."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(9), len(leaves))
    return structure.unflatten(
        [jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    )


def respond(decoder, params, xs, values, keys_of, lengths, **options):
    """What comes out, and gradients of its weighted sum."""

    def total(params, xs, values):
        out = decode(decoder, params, xs, values, keys_of, lengths, **options)
        parts = jax.tree.map(lambda a, w: jnp.sum(a * w), out, weights_like(out))
        return sum(jax.tree.leaves(parts)), out

    (_, out), gradients = jax.value_and_grad(total, (0, 1, 2), has_aux=True)(params, xs, values)
    return out, gradients
