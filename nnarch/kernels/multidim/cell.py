"""The equations of one pixel of an MDLSTM, forward and backward, whatever order pixels are read in.

    i, f_row, f_col, o = sigmoid, g = tanh of z
    c = i g + f_row above + f_col left;  h = o tanh(c)

or, if stable, with f and m in place of f_row and f_col,

    c = i g + f (m above + (1 - m) left)

`above` and `left` are the neighbours' c.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.kernels.recurrent.products import split


def gates(z: Array) -> Array:
    """tanh of gate g, sigmoid of the others: sigmoid(z) = tanh(z / 2) / 2 + 1 / 2.

    [..., 5, H] -> the same.
    """
    scale = np.array([0.5, 0.5, 0.5, 1, 0.5], z.dtype)[:, None]
    shift = np.array([0.5, 0.5, 0.5, 0, 0.5], z.dtype)[:, None]
    return scale * jnp.tanh(scale * z) + shift


def pixel(gates: Array, above: Array, left: Array, *, stable: bool) -> tuple[Array, Array]:
    """Gates [..., 5, H] and the neighbours' c [..., H] -> h and c."""
    i, f_row, f_col, g, o = split(gates)
    mixed = f_row * (left + f_col * (above - left)) if stable else f_row * above + f_col * left
    c = i * g + mixed
    return o * jnp.tanh(c), c


# With dc the gradient of c from all that follows, its path through h included:
#     dc = dc + dh o (1 - tanh(c)^2)
#     di = dc g,  dg = dc i,  do = dh tanh(c),  each times its gate's derivative, as are
#     df_row = dc above,  df_col = dc left                                     or, if stable,
#     df = dc (m above + (1 - m) left),  dm = dc f (above - left)
def pixel_gradient(
    gates: Array, above: Array, left: Array, c: Array, dh: Array, dc: Array, *, stable: bool
) -> tuple[tuple[Array, ...], Array, Array]:
    """The gradients of the five gates' arguments, and those of the neighbours' c."""
    i, f_row, f_col, g, o = split(gates)
    tanh_c = jnp.tanh(c)
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    if stable:
        df_row, df_col = dc * (left + f_col * (above - left)), dc * f_row * (above - left)
        d_above, d_left = dc * f_row * f_col, dc * f_row * (1 - f_col)
    else:
        df_row, df_col = dc * above, dc * left
        d_above, d_left = dc * f_row, dc * f_col
    dz = (
        dc * g * i * (1 - i),
        df_row * f_row * (1 - f_row),
        df_col * f_col * (1 - f_col),
        dc * i * (1 - g * g),
        dh * tanh_c * o * (1 - o),
    )
    return dz, d_above, d_left
