"""Drawing a picture step by step: by looking at it, or from words alone."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.attention import Memory
from nnarch.kernels.attention.check import check_array, check_memory
from nnarch.kernels.check_params import dtype_of, is_floating
from nnarch.kernels.draw.filters import NUMBERS
from nnarch.kernels.draw.loop import draw, look, stroke
from nnarch.kernels.draw.parameters import DrawParams, sizes_of
from nnarch.kernels.explicit_axes import rows_as


class Drawn(NamedTuple):
    """What was drawn, and how."""

    canvas: Array  # [B, Y, X], the logit of each pixel's being white
    written: Array  # [B, T, 5 + W^2], the window of each step (see `window_of`) and its patch
    shares: Array  # [B, T, S], where each step attended


@rows_as("pictures")
def draw_again(
    params: DrawParams, pictures: Array, memory: Memory, noise: Array
) -> tuple[Drawn, Array]:
    """Looks at pictures and draws them again: what DRAW is trained by.

    At each step one LSTM reads a patch of the picture and of what is still wrong, and tells a
    latent's distribution; the other draws with a latent taken from there, after attending to the
    memory. -log p(picture) is at most the sum of kl and of the pixels' -log p. There is one
    implementation, which `jax.jvp` does not go through.

    Args:
      params: as `init_draw` gives them.
      pictures: [B, Y, X], from 0 to 1.
      memory: of `attention_memory(params.score, values)`; one without places attends to nothing.
      noise: [B, T, Z], standard normal; T steps are made. Products round to its dtype and add up in
        float32 (float64 if that is), which is what is returned.

    Returns:
      what was drawn, and kl [B, T], the nats that the picture told at each step.

    Raises:
      ValueError: shapes do not fit.

    Source: Gregor et al. 2015, arXiv 1502.04623; Mansimov et al. 2015, arXiv 1511.02793.
    """
    check_array("draw_again", "pictures", pictures, "B, Y, X")
    _check("draw_again", params, memory, noise, len(pictures))
    return _looked(params, pictures, memory, noise)


@rows_as("drawn")
def canvases(params: DrawParams, drawn: Drawn) -> Array:
    """The canvas after each step: logits [B, T, Y, X]."""
    strokes = jax.vmap(partial(stroke, size=drawn.canvas.shape[1:]), 1, 1)(drawn.written)
    return params.canvas + jnp.cumsum(strokes, axis=1)


@rows_as("noise")
def draw_anew(
    params: DrawParams,
    memory: Memory,
    noise: Array,
    *,
    size: tuple[int, int],
) -> Drawn:
    """Draws from what is attended to alone: latents are of the prior. No forward mode, as above.

    Args:
      params: as `init_draw` gives them.
      memory: of `attention_memory(params.score, values)`.
      noise: [B, T, Z], standard normal; T steps are made.
      size: (Y, X) of the pictures, 1 or more each.

    Raises:
      ValueError: shapes do not fit.
    """
    check_memory("draw_anew", memory)
    _check("draw_anew", params, memory, noise, memory.values.shape[0])
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"draw_anew expects size (Y, X), 1 or more each; got {size}.")
    return _drawn(params, memory, noise, size=tuple(size))


def _check(kernel: str, params: DrawParams, memory: Memory, noise: Array, batch: int) -> None:
    if not isinstance(params, DrawParams):
        raise ValueError(
            f"{kernel} expects DrawParams; got {type(params).__name__}. init_draw draws them."
        )
    check_memory(kernel, memory)
    latents, read, write = sizes = sizes_of(params)
    seen = params.looking.w_x.shape[0] - params.w_prior.shape[0]
    patch = params.w_write.shape[1] - NUMBERS
    if params.w_read.shape[1] != NUMBERS or (seen, patch) != (2 * read**2, write**2):
        raise ValueError(
            f"{kernel} expects w_read [G, {NUMBERS}], w_write [G, {NUMBERS} + W^2] and looking.w_x "
            f"[2 R^2 + G, 4 I]; got {params.w_read.shape}, {params.w_write.shape} and "
            f"{params.looking.w_x.shape}, of {sizes}. init_draw draws them."
        )
    values = params.drawing.w_x.shape[0] - latents
    shape = np.shape(noise)
    fits = len(shape) == 3 and shape[0] == batch and shape[2] == latents
    if not fits or not is_floating(noise):
        raise ValueError(
            f"{kernel} of {batch} rows expects noise [{batch}, T, {latents}], floating; got "
            f"{dtype_of(noise)} {shape}. Draw it with jax.random.normal."
        )
    if np.shape(memory.values)[0] != batch or np.shape(memory.values)[2] != values:
        raise ValueError(
            f"{kernel} of {batch} rows expects a memory of values [{batch}, S, {values}]; got "
            f"{np.shape(memory.values)}. Make it of those rows, of what the parameters are for."
        )


@jax.jit
def _looked(params: DrawParams, pictures: Array, memory: Memory, noise: Array):
    canvas, (*told, kl) = look(params, pictures, memory, jnp.swapaxes(noise, 0, 1))
    return _leave(canvas, told), kl.T


@partial(jax.jit, static_argnames="size")
def _drawn(params: DrawParams, memory: Memory, noise: Array, *, size: tuple[int, int]) -> Drawn:
    return _leave(*draw(params, memory, jnp.swapaxes(noise, 0, 1), size=size))


def _leave(canvas: Array, told: Sequence[Array]) -> Drawn:
    return Drawn(canvas, *(jnp.swapaxes(stack, 0, 1) for stack in told))
