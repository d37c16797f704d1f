"""Nets that have to remember: feed-forward, Elman, LSTM and GRU, of equal size.

A net reads frames and answers at the last ones. The feed-forward net sees a window of frames, the
others carry a state. Elman nets are trained by back-propagation through time, in full or truncated:
then the state passes from window to window, and the gradient does not.

Sources: Elman 1990; Werbos 1990, "Backpropagation through time", and Williams and Peng 1990 for its
truncation; Hochreiter and Schmidhuber 1997; Cho et al. 2014; Tallec and Ollivier 2018, "Can
recurrent neural networks warp time?", arXiv 1804.11188, section 2, for gates that span a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from nnarch.nn import GRU, LSTM, Elman, Linear
from nnarch.nn.parameters import Create, fitting_width, parameters_of

Kind = Literal["feedforward", "elman", "elman_truncated", "lstm", "gru", "gru_before"]


@dataclass(frozen=True)
class MemoryNetConfig:
    """The net, and its size."""

    kind: Kind = "lstm"
    """Feed-forward on a window; Elman, by full or truncated back-propagation; LSTM; GRU with its
    reset gate after the recurrent product, or before it as published."""
    hidden: int = 64
    """Units of the LSTM; the width of any other net follows from its number of parameters."""
    window: int = 32
    """Frames that the feed-forward net sees, and that truncated back-propagation goes back."""
    span: int = 0
    """Steps that the gates of LSTM and GRU are set to keep a state for, from 1 to this, at the
    start; 0 leaves them as they are: an LSTM's forget gate has a bias of 1."""
    layers: int = 2
    """Of the feed-forward net."""


class Sizes(NamedTuple):
    """What a problem asks of a net."""

    features: int  # of a frame
    outputs: int  # at a frame
    asked: int  # at how many frames, the last ones


class FeedForwardNet(nnx.Module):
    """Layers of rectifiers over a window of frames, the last one of which is answered at."""

    def __init__(self, config: MemoryNetConfig, sizes: Sizes, *, key: Array):
        widths = [config.window * sizes.features, *[config.hidden] * config.layers]
        *keys, above = jax.random.split(key, config.layers + 1)
        self.layers = nnx.List(
            Linear(*pair, key=k) for pair, k in zip(pairwise(widths), keys, strict=True)
        )
        self.output = Linear(config.hidden, sizes.outputs, key=above)
        self.window, self.asked = config.window, sizes.asked

    def __call__(self, inputs: Array) -> Array:
        """inputs [B, T, features] -> [B, asked, outputs]; before the first frame stand zeros."""
        padded = jnp.pad(inputs, [(0, 0), (self.window + self.asked - 1, 0), (0, 0)])
        last = padded[:, -(self.window + self.asked - 1) :]
        seen = [last[:, each : each + self.window] for each in range(self.asked)]
        xs = jnp.stack(seen, axis=1).reshape(len(inputs), self.asked, -1)
        for layer in self.layers:
            xs = jax.nn.relu(layer(xs))
        return self.output(xs)


class RecurrentNet(nnx.Module):
    """A recurrent layer, and an affine map of its output.

    With a `window`, gradients pass no border between windows; the last one ends with the row.
    """

    def __init__(self, recurrent: nnx.Module, sizes: Sizes, *, window: int | None, key: Array):
        self.recurrent = recurrent
        self.output = Linear(recurrent.w_h.shape[0], sizes.outputs, key=key)
        self.asked, self.window = sizes.asked, window

    def __call__(self, inputs: Array) -> Array:
        """inputs [B, T, features] -> [B, asked, outputs]."""
        before, *parts = _windows(inputs, self.asked, self.window)
        _, state = self.recurrent(before)
        told = []
        for part in parts:
            ys, state = self.recurrent(part, lax.stop_gradient(state))
            told.append(ys)
        return self.output(jnp.concatenate(told, axis=1)[:, -self.asked :])


def _windows(inputs: Array, asked: int, window: int | None) -> list[Array]:
    """Cuts rows [B, T, ...] into the windows in which something is asked, and what is before them.

    What is before them, no frames perhaps, is one part: it has no gradient wherever it is cut.
    """
    steps = inputs.shape[1]
    window = window or steps
    borders = range(steps - window * -(-asked // window), steps, window)
    return jnp.split(inputs, [max(border, 0) for border in borders], axis=1)


def memory_net(config: MemoryNetConfig, sizes: Sizes) -> Create:
    """A key -> the net, with as many parameters, within 5 %, as the LSTM of `config.hidden`."""
    if config.kind == "lstm":
        return _of_width(config, sizes, config.hidden)
    wanted = parameters_of(_of_width(replace(config, kind="lstm"), sizes, config.hidden))
    width = fitting_width(lambda width: parameters_of(_of_width(config, sizes, width)), wanted)
    return _of_width(config, sizes, width)


def _of_width(config: MemoryNetConfig, sizes: Sizes, width: int) -> Create:
    config = replace(config, hidden=width)
    if config.kind == "feedforward":
        return lambda key: FeedForwardNet(config, sizes, key=key)
    window = config.window if config.kind == "elman_truncated" else None

    def create(key: Array) -> RecurrentNet:
        for_layer, for_gates, for_output = jax.random.split(key, 3)
        layer = _LAYERS[config.kind](sizes.features, width, key=for_layer)
        if config.span:
            _span(layer, config.span, for_gates)
        return RecurrentNet(layer, sizes, window=window, key=for_output)

    return create


_LAYERS: dict[str, Callable[..., nnx.Module]] = {
    "elman": Elman,
    "elman_truncated": Elman,
    "lstm": LSTM,
    "gru": partial(GRU, reset="after"),
    "gru_before": partial(GRU, reset="before"),
}


def _span(layer: nnx.Module, longest: int, key: Array) -> None:
    """Sets biases so that units forget after 1 to `longest` steps: b = log(U(1, longest)).

    Of an LSTM that of the forget gate, and of the input gate the opposite; of a GRU that of the
    gate z, which keeps the state. An Elman net has no gates.
    """
    hidden = layer.w_h.shape[0]
    bias = jnp.log(jax.random.uniform(key, (hidden,), minval=1, maxval=longest))
    if isinstance(layer, LSTM):
        of_gates = layer.b[...].reshape(4, hidden).at[0].set(-bias).at[1].set(bias)
    elif isinstance(layer, GRU):
        of_gates = layer.b[...].reshape(3, hidden).at[1].set(bias)
    else:
        raise ValueError("span sets gates, and an Elman net has none; leave it at 0.")
    layer.b[...] = of_gates.reshape(-1)


def state_gradients(net: RecurrentNet, inputs: Array, loss: Callable[[Array], Array]) -> Array:
    """How the loss at the last frame changes with the state of every step before it.

    Each step's state gets a nudge of zero, with regard to which the loss is differentiated; no
    border of windows stops it. A GRU's or an Elman net's state is h, an LSTM's is h and c.

    Args:
      net: any but the feed-forward one.
      inputs: [B, T, features].
      loss: what is told at the last frame [B, outputs] -> [].

    Returns:
      float32 [T + 1, B, S]: at t the gradient with regard to the state t steps before the last
      one; at T that is the state before the first frame.
    """
    layer = net.recurrent
    rows, steps, _ = inputs.shape
    parts = len(layer.State._fields)
    zeros = jnp.zeros((steps + 1, parts, rows, layer.w_h.shape[0]))

    def step(state, seen):
        frame, nudge = seen
        _, state = layer(frame, state)
        return layer.State(*(part + each for part, each in zip(state, nudge, strict=True))), None

    def run(nudges):
        frames = jnp.swapaxes(inputs, 0, 1)[:, :, None]
        final, _ = lax.scan(step, layer.State(*nudges[0]), (frames, nudges[1:]))
        return loss(net.output(final.h))

    gradients = jax.grad(run)(zeros)[::-1]
    return jnp.swapaxes(gradients, 1, 2).reshape(steps + 1, rows, -1)
