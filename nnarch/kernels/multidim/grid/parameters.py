"""Parameters and states of a Grid LSTM, and how they are drawn."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.cells import init_lstm
from nnarch.kernels.check_params import check_sizes_drawn

Kind = Literal["lstm", "tanh", "relu"]
KINDS: tuple[Kind, ...] = ("lstm", "tanh", "relu")


class GridParams(NamedTuple):
    """One entry a dimension; untied along depth, each array has a leading axis of layers.

    Of an LSTM the gates are i, f, g, o. Source: Kalchbrenner et al. 2015, section 3.
    """

    w: tuple[Array, ...]  # [N H, 4H], of a transform [N H, H]; rows: h of each dimension in turn
    b: tuple[Array, ...]  # [4H], of a transform [H]


class GridState(NamedTuple):
    """What enters or leaves blocks along one dimension."""

    h: Array  # [..., H]
    m: Array | None  # [..., H]; None enters as zeros


def gates_of(kind: Kind) -> int:
    """How many arguments of H a dimension computes."""
    return 4 if kind == "lstm" else 1


def init_grid_lstm(
    key: Array,
    hidden_size: int,
    *,
    dimensions: tuple[Kind, ...] = ("lstm", "lstm"),
    layers: int | None = None,
    dtype: jnp.dtype = jnp.float32,
) -> GridParams:
    """Draws the parameters of one block, or of each layer's.

    A dimension's own recurrent weights are orthogonal, a draw each gate, those of the other
    dimensions Glorot uniform; forget gates begin open, at a bias of 1.

    Args:
      key: a typed key.
      hidden_size: units H of each dimension.
      dimensions: the kind of each of 1 to 3 dimensions, depth the last.
      layers: how many layers have weights of their own; None: all share one block's.
      dtype: of all parameters.

    Raises:
      ValueError: a size is below 1, or a dimension of no such kind.
    """
    check_dimensions("init_grid_lstm", dimensions)
    check_sizes_drawn(hidden_size=hidden_size, layers=1 if layers is None else layers)

    def draw(key: Array) -> GridParams:
        keys = jax.random.split(key, len(dimensions))
        drawn = [
            _draw_dimension(k, hidden_size, len(dimensions), place, kind, dtype)
            for place, (k, kind) in enumerate(zip(keys, dimensions, strict=True))
        ]
        w, b = zip(*drawn, strict=True)
        return GridParams(w, b)

    if layers is None:
        return draw(key)
    each = [draw(k) for k in jax.random.split(key, layers)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)


def _draw_dimension(
    key: Array, hidden: int, count: int, place: int, kind: Kind, dtype: jnp.dtype
) -> tuple[Array, Array]:
    others = (count - 1) * hidden
    lstm = init_lstm(key, max(others, 1), hidden, dtype=dtype)
    before, after = lstm.w_x[: place * hidden], lstm.w_x[place * hidden : others]
    w = jnp.concatenate([before, lstm.w_h, after])
    if kind == "lstm":
        return w, lstm.b
    return w[:, :hidden], jnp.zeros(hidden, dtype)


def check_dimensions(kernel: str, dimensions: tuple[Kind, ...]) -> None:
    """Raises ValueError unless these are 1 to 3 known kinds."""
    is_sequence = isinstance(dimensions, tuple | list)
    if not is_sequence or not 1 <= len(dimensions) <= 3 or not set(dimensions) <= set(KINDS):
        raise ValueError(
            f"{kernel} expects dimensions as 1 to 3 of {', '.join(map(repr, KINDS))}, depth the "
            f"last; got {dimensions!r}."
        )
