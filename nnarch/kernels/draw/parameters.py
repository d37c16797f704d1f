"""What DRAW is made of: two LSTMs and the maps between them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.attention import AdditiveParams, init_additive
from nnarch.kernels.cells import LSTMParams, init_lstm
from nnarch.kernels.check_params import check_sizes_drawn
from nnarch.kernels.draw.filters import NUMBERS


class DrawParams(NamedTuple):
    """G units of the LSTM that draws, I of the one that looks, Z latents a step, values of V.

    Source: Mansimov, Parisotto, Ba and Salakhutdinov 2015, arXiv 1511.02793, section 3.
    """

    looking: LSTMParams  # of inputs [2 R^2 + G]: what was read of picture and error, and h drawing
    drawing: LSTMParams  # of inputs [Z + V]: the latent, and what was attended to
    score: AdditiveParams  # of queries G
    w_posterior: Array  # [I, 2Z], mean and logarithm of the deviation
    b_posterior: Array  # [2Z]
    w_prior: Array  # [G, 2Z], both through tanh
    b_prior: Array  # [2Z]
    w_read: Array  # [G, 5], the window that is read
    b_read: Array  # [5]
    w_write: Array  # [G, 5 + W^2], the window and the patch that are written
    b_write: Array  # [5 + W^2]
    canvas: Array  # [], the logit of a pixel before anything is drawn


class Sizes(NamedTuple):
    """What the shapes of parameters say."""

    latents: int
    read: int  # filters a side
    write: int


def sizes_of(params: DrawParams) -> Sizes:
    """Of parameters that were checked."""
    seen = params.looking.w_x.shape[0] - params.w_prior.shape[0]
    patch = params.w_write.shape[1] - NUMBERS
    return Sizes(params.w_prior.shape[1] // 2, round((seen / 2) ** 0.5), round(patch**0.5))


def init_draw(
    key: Array,
    value_size: int,
    hidden_size: int,
    *,
    latents: int,
    read: int = 8,
    write: int = 8,
    attention_size: int = 64,
    canvas: float = 0.0,
    dtype: jnp.dtype = jnp.float32,
) -> DrawParams:
    """Draws the parameters of a DRAW net that attends to values.

    Args:
      key: a typed key.
      value_size: V, of what is attended to; keys are as wide.
      hidden_size: units of each LSTM.
      latents: Z, of a step.
      read, write: filters a side of the windows.
      attention_size: units of the score.
      canvas: the logit of a pixel before anything is drawn.
      dtype: of the parameters.
    """
    check_sizes_drawn(value_size=value_size, hidden_size=hidden_size, latents=latents)
    check_sizes_drawn(read=read, write=write, attention_size=attention_size)
    keys = jax.random.split(key, 7)

    def dense(key: Array, outputs: int) -> tuple[Array, Array]:
        w = jax.nn.initializers.glorot_uniform()(key, (hidden_size, outputs), dtype)
        return w, jnp.zeros(outputs, dtype)

    return DrawParams(
        init_lstm(keys[0], 2 * read**2 + hidden_size, hidden_size, dtype=dtype),
        init_lstm(keys[1], latents + value_size, hidden_size, dtype=dtype),
        init_additive(keys[2], hidden_size, value_size, attention_size, dtype=dtype),
        *dense(keys[3], 2 * latents),
        *dense(keys[4], 2 * latents),
        *dense(keys[5], NUMBERS),
        *dense(keys[6], NUMBERS + write**2),
        jnp.full((), canvas, dtype),
    )
