"""What every translator reads the source with, and how a decoder begins from what was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels.dtypes import accumulator
from nnarch.nn import GRU, LSTM, Bidirectional, Embedding, Linear, Stacked, dropout
from nnarch.nn.keys import split_key
from nnarch.nn.sequence import masked, reversed_rows


@dataclass(frozen=True)
class EncoderConfig:
    """The size of an encoder."""

    embedding: int = 256
    """Length of a source word's vector."""
    hidden: int = 320
    """Units of each direction of a layer."""
    layers: int = 1
    """Recurrent layers."""
    directions: Literal["one", "both", "first"] = "both"
    """Whether layers read in one direction, in both, or the first one alone in both."""
    order: Literal["forward", "reversed"] = "forward"
    """Whether the source is read from its first word on, or from its last one (Sutskever 2014)."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Of the layers, and of the decoder's."""
    reset: Literal["after", "before"] = "after"
    """Where a GRU's reset gate stands: after the product, as cuDNN has it, or before (Cho 2014)."""
    residual_from: int | None = None
    """The layer, 0 the lowest, from which on inputs are added to outputs; none if left out."""


ENCODER = EncoderConfig()


class Encoded(NamedTuple):
    """What was read."""

    states: Array  # [B, S, width], zero past a row's length
    finals: tuple[Any, ...]  # each layer's last state; a pair where it reads in both directions
    lengths: Array  # int32 [B]


class SourceEncoder(nnx.Module):
    """Word vectors and recurrent layers.

    Args:
      config: sizes.
      words: of the source's vocabulary.
      dropout_rate: of word vectors, and between layers.
      key: a typed key for all initial weights.
    """

    def __init__(self, config: EncoderConfig, *, words: int, dropout_rate: float, key: Array):
        for_words, *keys = jax.random.split(key, config.layers + 1)
        widths = [config.embedding, *(width_above(config, layer) for layer in range(config.layers))]
        self.embedding = Embedding(words, config.embedding, key=for_words)
        self.stack = Stacked(
            [_layer(config, depth, widths[depth], k) for depth, k in enumerate(keys)],
            dropout_rate=dropout_rate,
            residual_from=config.residual_from,
        )
        self.width = widths[-1]
        self.config = config

    def __call__(self, tokens: Array, lengths: Array, *, key: Array | None = None) -> Encoded:
        """Reads the source.

        Args:
          tokens: int32 [B, S], right-padded; padding may hold anything.
          lengths: int32 [B], valid tokens of each row.
          key: for the dropout; None means evaluation.
        """
        lengths = jnp.asarray(lengths)
        for_words, for_layers = split_key(key)
        backwards = self.config.order == "reversed"
        tokens = masked(tokens, lengths)  # an index out of range would make NaN of gradients
        tokens = reversed_rows(tokens, lengths) if backwards else tokens
        xs = dropout(self.embedding(tokens), for_words, self.stack.dropout_rate)
        ys, finals = self.stack(xs, lengths=lengths, key=for_layers)
        return Encoded(reversed_rows(ys, lengths) if backwards else ys, finals, lengths)


def make_cell(config: EncoderConfig, inputs: int, hidden: int, *, key: Array) -> LSTM | GRU:
    """A layer of the cell that the config names."""
    if config.cell == "gru":
        return GRU(inputs, hidden, key=key, reset=config.reset)
    if config.reset != "after":
        raise ValueError("reset is for a GRU alone; choose cell gru, or leave reset out.")
    return LSTM(inputs, hidden, key=key)


def make_cells(
    config: EncoderConfig, inputs: int, hidden: int, *, keys: Sequence[Array]
) -> list[LSTM | GRU]:
    """Layers one above the other, one a key."""
    return [
        make_cell(config, hidden if depth else inputs, hidden, key=key)
        for depth, key in enumerate(keys)
    ]


def width_above(config: EncoderConfig, layer: int) -> int:
    """What a layer hands to the one above."""
    return config.hidden * (2 if _reads_both_ways(config, layer) else 1)


def _reads_both_ways(config: EncoderConfig, layer: int) -> bool:
    return config.directions == "both" or (config.directions == "first" and layer == 0)


def _layer(config: EncoderConfig, depth: int, inputs: int, key: Array) -> nnx.Module:
    if not _reads_both_ways(config, depth):
        return make_cell(config, inputs, config.hidden, key=key)
    forward, backward = jax.random.split(key)
    return Bidirectional(
        make_cell(config, inputs, config.hidden, key=forward),
        make_cell(config, inputs, config.hidden, key=backward),
    )


class Bridge(nnx.Module):
    """Makes of an encoder's last states those that a decoder begins with.

    Layer by layer, h = tanh(W h' + b) and an LSTM's c = W c' + b, where h' and c' are both
    directions' side by side. Layers answer to one another from the highest down; what layers the
    decoder has more begin from the encoder's lowest.

    Source: Bahdanau, Cho and Bengio 2014, arXiv 1409.0473, appendix A.2.2, which takes the backward
    direction alone.
    """

    def __init__(self, config: EncoderConfig, hidden: int, layers: int, *, key: Array):
        self.sources = tuple(max(0, config.layers - layers + layer) for layer in range(layers))
        widths = [width_above(config, source) for source in self.sources]
        fields = ("h", "c") if config.cell == "lstm" else ("h",)
        for name, k in zip(fields, jax.random.split(key, len(fields)), strict=True):
            maps = zip(widths, jax.random.split(k, layers), strict=True)
            setattr(self, name, nnx.List(Linear(width, hidden, key=each) for width, each in maps))

    def __call__(self, finals: tuple[Any, ...]) -> tuple[Any, ...]:
        """The states of the decoder's layers, from those of the encoder's."""
        chosen = (finals[source] for source in self.sources)
        return tuple(self._state(layer, final) for layer, final in enumerate(chosen))

    def _state(self, layer: int, final: Any) -> Any:
        fields, kind = list(final), type(final)
        if isinstance(final[0], tuple):  # both directions; a state is a tuple too, but of arrays
            kind = type(final[0])
            fields = [jnp.concatenate(pair, axis=-1) for pair in zip(*final, strict=True)]
        exact = accumulator(fields[0].dtype)
        h = jnp.tanh(self.h[layer](fields[0]))
        rest = [self.c[layer](fields[1])] if hasattr(self, "c") else []
        return kind(*(field.astype(exact) for field in (h, *rest)))
