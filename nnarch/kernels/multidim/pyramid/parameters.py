"""Parameters of a convolutional LSTM, and how they are drawn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import delta_orthogonal, glorot_uniform

from nnarch.kernels.check_params import check_sizes_drawn

GATES = 4


class PyramidParams(NamedTuple):
    """Gates i, f, g, o. Source: Stollenga et al. 2015, arXiv 1506.07452, equations 1 to 6."""

    w_x: Array  # [S, S, D, 4H], of the plane of inputs
    w_h: Array  # [S, S, H, 4H], of the hidden states of the plane before
    b: Array  # [4H]


def init_pyramid(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    window: int = 3,
    dtype: jnp.dtype = jnp.float32,
) -> PyramidParams:
    """Draws w_x [S, S, D, 4H], w_h [S, S, H, 4H], b [4H] of one direction, S being `window`.

    Inputs Glorot uniform. Recurrent weights orthogonal at the middle of the window and zero around
    it, a draw each gate (Xiao et al. 2018, arXiv 1806.05393): a state is handed on at its length,
    and spreads as training asks for. Forget gates begin open, at a bias of 1.

    Raises:
      ValueError: a size is below 1, or the window is even, and so has no middle.
    """
    check_sizes_drawn(input_size=input_size, hidden_size=hidden_size, window=window)
    if window % 2 == 0:
        raise ValueError(
            f"init_pyramid expects an odd window; got {window}. A pixel stands in its middle."
        )
    for_x, *for_gates = jax.random.split(key, 1 + GATES)
    w_x = glorot_uniform()(for_x, (window, window, input_size, GATES * hidden_size), dtype)
    # LAPACK, which makes them orthogonal, knows no narrower dtypes.
    drawn = jnp.promote_types(dtype, jnp.float32)
    shape = (window, window, hidden_size, hidden_size)
    recurrent = [delta_orthogonal()(k, shape, drawn).astype(dtype) for k in for_gates]
    bias = jnp.zeros((GATES, hidden_size), dtype).at[1].set(1)
    return PyramidParams(w_x, jnp.concatenate(recurrent, axis=-1), bias.reshape(-1))
