"""Parameters of multi-dimensional cells, and how they are drawn."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.cells import init_lstm


class MDLSTMParams(NamedTuple):
    """Gates i, f_row, f_col, g, o. Source: Graves, Fernandez and Schmidhuber 2007."""

    w_x: Array  # [D, 5H]
    w_row: Array  # [H, 5H], of the pixel above, h[y-1, x]
    w_col: Array  # [H, 5H], of the pixel to the left, h[y, x-1]
    b: Array  # [5H]


def init_mdlstm(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    stable: bool = False,
    dtype: jnp.dtype = jnp.float32,
) -> MDLSTMParams:
    """Draws w_x [D, 5H], w_row [H, 5H], w_col [H, 5H], b [5H], all of `dtype`.

    Inputs Glorot uniform, recurrent weights orthogonal, a draw each gate. Forget gates begin open,
    at a bias of 1; of a `stable` one the second gate alone, as the third mixes both neighbours.
    """
    # Each neighbour's weights are drawn as an LSTM's, whose four gates and one more make five.
    keys = jax.random.split(key, 4)
    row, row_more, col, col_more = (
        init_lstm(k, input_size, hidden_size, dtype=dtype) for k in keys
    )

    def five(four: Array, more: Array) -> Array:
        return jnp.concatenate([four, more[:, :hidden_size]], axis=1)

    bias = jnp.zeros((5, hidden_size), dtype).at[1 : 2 if stable else 3].set(1)
    return MDLSTMParams(
        five(row.w_x, row_more.w_x),
        five(row.w_h, row_more.w_h),
        five(col.w_h, col_more.w_h),
        bias.reshape(-1),
    )
