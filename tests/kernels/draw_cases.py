"""A small picture to draw, and a net that draws it."""

import jax
import jax.numpy as jnp
import numpy as np

from nnarch import kernels
from nnarch.kernels.draw import canvases

BATCH, STEPS, LATENTS, VALUES, HIDDEN, PLACES = 8, 3, 2, 3, 4, 3
SIZE = (6, 5)
LENGTHS = np.array([3, 1, 0, 2, 3, 3, 1, 2], np.int32)


def parameters(dtype=jnp.float32):
    """Parameters whose every part matters: biases too are drawn."""
    params = kernels.init_draw(
        jax.random.key(0),
        VALUES,
        HIDDEN,
        latents=LATENTS,
        read=2,
        write=3,
        attention_size=5,
        dtype=dtype,
    )
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = (
        leaf + 0.3 * jax.random.normal(key, leaf.shape, dtype)
        for leaf, key in zip(leaves, keys, strict=True)
    )
    return jax.tree.unflatten(tree, moved)


def problem(dtype=jnp.float32):
    """Pictures, values that are attended to, and noise."""
    keys = jax.random.split(jax.random.key(2), 3)
    pictures = jax.random.bernoulli(keys[0], 0.4, (BATCH, *SIZE)).astype(dtype)
    values = jax.random.normal(keys[1], (BATCH, PLACES, VALUES), dtype)
    return pictures, values, jax.random.normal(keys[2], (BATCH, STEPS, LATENTS), dtype)


def again(params, pictures, values, noise, lengths):
    """All that `draw_again` tells, the canvases among it."""
    memory = kernels.attention_memory(params.score, values, lengths=lengths)
    drawn, kl = kernels.draw_again(params, pictures, memory, noise)
    return drawn, canvases(params, drawn), kl


def anew(params, pictures, values, noise, lengths):
    """All that `draw_anew` tells; pictures say how large."""
    memory = kernels.attention_memory(params.score, values, lengths=lengths)
    drawn = kernels.draw_anew(params, memory, noise, size=pictures.shape[1:])
    return drawn, canvases(params, drawn)


DRAWING = {"again": again, "anew": anew}


def total(way, *given):
    """One number that all of it moves."""
    return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(DRAWING[way](*given)))
