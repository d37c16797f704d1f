"""A model of text, character by character: recurrent layers that guess what comes next.

Source: Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks"; Graves 2013,
"Generating sequences with recurrent neural networks", arXiv 1308.0850.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.nn import GRU, LSTM, Embedding, Linear, Stacked, StateNoise, dropout
from nnarch.nn.carried import CarriedStates
from nnarch.nn.keys import fold_key

_CELLS = {"lstm": LSTM, "gru": GRU}


@dataclass(frozen=True)
class CharacterLMConfig:
    """The net's shape, and the noise that it is trained with."""

    cell: Literal["lstm", "gru"] = "lstm"
    """What its layers are."""
    layers: int = 1
    """Recurrent layers, one above the other."""
    hidden: int = 512
    """Units of each."""
    embedding: int = 64
    """Features of a character."""
    output: Literal["own", "tied"] = "own"
    """Whether scores have a matrix of their own, or the characters' features are used again."""
    dropout: float = 0.0
    """Of what a layer tells the one above it or, the last, the scores."""
    state_dropout: float = 0.0
    """Of a layer's state where it meets recurrent weights; one mask a window (Gal 2016)."""
    zoneout: float = 0.0
    """Share of units whose output stays as it was at a step (Krueger 2016)."""
    cell_zoneout: float = 0.0
    """The same of an LSTM's cells."""


class CharacterLM(nnx.Module):
    """Reads characters and scores what comes next."""

    def __init__(self, config: CharacterLMConfig, *, characters: int, rows: int, key: Array):
        """Makes the net for so many characters, and states to carry for `rows` rows of a batch.

        Raises:
          ValueError: there is no layer, or an option that the cell has no use for.
        """
        if config.layers < 1:
            raise ValueError(f"a character model has 1 layer or more; got {config.layers}.")
        if config.cell_zoneout and "c" not in _CELLS[config.cell].State._fields:
            raise ValueError(f"a {config.cell} has no c for cell_zoneout; leave it out, or at 0.")
        for_table, for_layers, for_output = jax.random.split(key, 3)
        widths = [config.embedding, *[config.hidden] * config.layers]
        keys = jax.random.split(for_layers, config.layers)
        layers = [
            _CELLS[config.cell](width, config.hidden, key=each)
            for width, each in zip(widths, keys, strict=False)
        ]
        self.embedding = Embedding(characters, config.embedding, key=for_table)
        self.stack = Stacked(layers, dropout_rate=config.dropout, noise=_noise(config))
        scored = characters if config.output == "own" else config.embedding
        self.output = Linear(config.hidden, scored, key=for_output)
        self.tied = config.output == "tied"
        self.dropout_rate = config.dropout
        self.states = CarriedStates(layers, rows)

    def __call__(
        self,
        characters: Array,
        initial: Sequence[tuple] | None = None,
        *,
        lengths: Array | None = None,
        starts: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Array, tuple[tuple, ...]]:
        """Scores what follows each character.

        Args:
          characters: int32 [B, T], right-padded.
          initial: a state for each layer; zeros if left out.
          lengths: int32 [B], valid characters of each row; T if left out.
          starts: bool [B, T], True where a text starts: no state passes into it.
          key: for dropout and noise; None means evaluation.

        Returns:
          logits [B, T, V], and the state of each layer after each row's last valid character.
        """
        xs, states = self.stack(
            self.embedding(characters), initial, lengths=lengths, starts=starts, key=key
        )
        return self._scores(xs, key), states

    def initial(self, rows: int) -> tuple[tuple, ...]:
        """A state for each layer before anything is read: zeros."""
        shapes = ((rows, layer.w_h.shape[0]) for layer in self.stack.layers)
        return tuple(
            layer.State(*(jnp.zeros(shape) for _ in layer.State._fields))
            for layer, shape in zip(self.stack.layers, shapes, strict=True)
        )

    def window(self, characters: Array, *, starts: Array, key: Array | None) -> Array:
        """Scores a window of each row of training, which goes on where the one before ended."""
        initial = self.states.read(self.stack.layers)
        logits, states = self(characters, initial, starts=starts, key=key)
        self.states.keep(states)
        return logits

    def _scores(self, xs: Array, key: Array | None) -> Array:
        for_dropout = fold_key(key, 2 * len(self.stack.layers))
        xs = self.output(dropout(xs, for_dropout, self.dropout_rate))
        return self.embedding.logits(xs) if self.tied else xs


def _noise(config: CharacterLMConfig) -> StateNoise:
    rates = (config.zoneout, config.cell_zoneout)[: len(_CELLS[config.cell].State._fields)]
    return StateNoise(config.state_dropout, rates if any(rates) else ())
