"""Grid LSTM nets for sequences of symbols and for bits, and the nets that stand beside them.

A symbol, or all bits at once, are projected to the h and m that enter the first layer along depth;
the h that leaves the last layer is projected to scores. Beside a grid over time and depth stands a
stack of LSTMs, beside a grid over depth alone a feed-forward net; each with as many parameters.

Source: Kalchbrenner, Danihelka and Graves 2015, "Grid long short-term memory", arXiv 1507.01526,
sections 3 and 4.
"""

from dataclasses import dataclass, replace
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import GridState
from nnarch.nn import LSTM, Embedding, GridLSTM1D, GridLSTM2D, Linear, Stacked
from nnarch.nn.parameters import Create, fitting_width, parameters_of


@dataclass(frozen=True)
class GridLSTMConfig:
    """The net, and its size."""

    kind: Literal["grid", "stacked", "feedforward"] = "grid"
    """A Grid LSTM; or, with as many parameters, a stack of LSTMs or a feed-forward net."""
    hidden: int = 64
    """Units of each dimension of the grid."""
    layers: int = 6
    """Depth of the grid."""
    tied: bool = True
    """Whether all layers of the grid share their weights."""
    priority: Literal["none", "time", "depth"] = "none"
    """The dimension that is computed last in a block of the grid."""
    peer_layers: int = 2
    """Depth of the net that stands beside; its width follows from the grid's parameters."""


_PRIORITY = {"none": None, "time": 0, "depth": 1}


class SequenceGrid(nnx.Module):
    """Symbols, one at a time, to scores of symbols at the last steps, by a 2-D Grid LSTM."""

    def __init__(self, config: GridLSTMConfig, *, classes: int, key: Array):
        below, grid, above = jax.random.split(key, 3)
        self.embedding = Embedding(classes, 2 * config.hidden, key=below)
        self.grid = GridLSTM2D(
            config.hidden,
            config.layers,
            tied=config.tied,
            priority=_PRIORITY[config.priority],
            key=grid,
        )
        self.output = Linear(config.hidden, classes, key=above)

    def __call__(self, inputs: Array, asked: int) -> Array:
        """inputs int32 [B, T] -> logits [B, asked, classes], of the last steps."""
        h, m = jnp.split(self.embedding(inputs), 2, axis=-1)
        ys, _ = self.grid(GridState(h, m))
        return self.output(ys.h[:, -asked:])


class SequenceStack(nnx.Module):
    """The same by LSTMs one above the other."""

    def __init__(self, config: GridLSTMConfig, *, classes: int, key: Array):
        below, above, *layers = jax.random.split(key, config.peer_layers + 2)
        self.embedding = Embedding(classes, config.hidden, key=below)
        self.stack = Stacked([LSTM(config.hidden, config.hidden, key=k) for k in layers])
        self.output = Linear(config.hidden, classes, key=above)

    def __call__(self, inputs: Array, asked: int) -> Array:
        """inputs int32 [B, T] -> logits [B, asked, classes], of the last steps."""
        ys, _ = self.stack(self.embedding(inputs))
        return self.output(ys[:, -asked:])


class VectorGrid(nnx.Module):
    """Bits, all at once, to scores of the answer, by a 1-D Grid LSTM."""

    def __init__(self, config: GridLSTMConfig, *, bits: int, classes: int, key: Array):
        below, grid, above = jax.random.split(key, 3)
        self.input = Linear(bits, 2 * config.hidden, key=below)
        self.grid = GridLSTM1D(config.hidden, config.layers, tied=config.tied, key=grid)
        self.output = Linear(config.hidden, classes, key=above)

    def __call__(self, inputs: Array, asked: int) -> Array:
        """inputs int32 [B, bits] -> logits [B, asked, classes]; asked is 1."""
        h, m = jnp.split(self.input(inputs.astype(jnp.float32)), 2, axis=-1)
        return self.output(self.grid(GridState(h, m)).h)[:, None]


class FeedForward(nnx.Module):
    """The same by layers of rectifiers, each with weights of its own."""

    def __init__(self, config: GridLSTMConfig, *, bits: int, classes: int, key: Array):
        below, above, *layers = jax.random.split(key, config.peer_layers + 1)
        self.input = Linear(bits, config.hidden, key=below)
        self.layers = nnx.List(Linear(config.hidden, config.hidden, key=k) for k in layers)
        self.output = Linear(config.hidden, classes, key=above)

    def __call__(self, inputs: Array, asked: int) -> Array:
        """inputs int32 [B, bits] -> logits [B, asked, classes]; asked is 1."""
        xs = jax.nn.relu(self.input(inputs.astype(jnp.float32)))
        for layer in self.layers:
            xs = jax.nn.relu(layer(xs))
        return self.output(xs)[:, None]


def sequence_model(config: GridLSTMConfig, *, classes: int) -> Create:
    """A key -> the net that reads symbols one at a time."""
    if config.kind == "feedforward":
        raise ValueError("A feed-forward net reads no sequence; choose kind grid or stacked.")
    return _model(config, SequenceGrid, SequenceStack, classes=classes)


def vector_model(config: GridLSTMConfig, *, bits: int, classes: int) -> Create:
    """A key -> the net that reads bits all at once."""
    if config.kind == "stacked":
        raise ValueError("A stack of LSTMs reads sequences alone; choose kind grid or feedforward.")
    return _model(config, VectorGrid, FeedForward, bits=bits, classes=classes)


def _model(config: GridLSTMConfig, grid: type, peer: type, **sizes: int) -> Create:
    if config.kind == "grid":
        return lambda key: grid(config, key=key, **sizes)
    wanted = parameters_of(lambda key: grid(config, key=key, **sizes))

    def of_width(width: int) -> Create:
        return lambda key: peer(replace(config, hidden=width), key=key, **sizes)

    return of_width(fitting_width(lambda width: parameters_of(of_width(width)), wanted))
