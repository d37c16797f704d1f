"""Pictures drawn from words, step by step, by a net that looks at the words at each.

    h^words = bidirectional LSTM of the words
    z[t] ~ N(mean(h[t-1]), deviation(h[t-1]))
    h[t] = LSTM([z[t], attention(h[t-1], h^words)], h[t-1])
    canvas[t] = canvas[t-1] + write(h[t]);   p(pixel is white) = sigmoid(canvas[T])

It is trained to draw a picture again, with latents that a second LSTM tells by looking at it, and
what these tell is held near what the first would have drawn them from.

Source: Mansimov, Parisotto, Ba and Salakhutdinov 2015, "Generating images from captions with
attention", arXiv 1511.02793; without words it is DRAW, Gregor et al. 2015, arXiv 1502.04623. The
paper's sharpening of what was drawn, by an adversarial net, is left out.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from nnarch.kernels import Drawn, Memory
from nnarch.nn import LSTM, Bidirectional, Draw, Embedding
from nnarch.nn.sequence import masked


@dataclass(frozen=True)
class AlignDrawConfig:
    """The size of the model."""

    words: Literal["align", "last", "none"] = "align"
    """What of the words is drawn from: those that each step attends to, the state in which they
    were read to their end, or nothing."""
    embedding: int = 64
    """Length of a word's vector."""
    reader: int = 64
    """Units of each direction that reads the words."""
    hidden: int = 256
    """Units of the LSTM that draws, and of the one that looks."""
    steps: int = 12
    """Steps in which a picture is drawn."""
    latents: int = 32
    """Latent variables of each step."""
    read: int = 8
    """Filters a side of the window that looks."""
    write: int = 10
    """Filters a side of the window that draws."""
    attention: int = 64
    """Units of the score of a word."""
    canvas: float = -3.5
    """Logit of a pixel's being white that a canvas begins with before training: near that of the
    share of white among all pixels, which then has not to be drawn first."""


class Redrawn(NamedTuple):
    """What `AlignDraw` makes of pictures that it sees."""

    drawn: Drawn
    kl: Array  # [B, T], nats


class AlignDraw(nnx.Module):
    """The model; `config` says which.

    Args:
      config: sizes.
      vocabulary: words, the special ones included.
      size: (Y, X) of the pictures.
      key: a typed key for all initial weights.
    """

    def __init__(
        self, config: AlignDrawConfig, *, vocabulary: int, size: tuple[int, int], key: Array
    ):
        for_words, forward, backward, for_drawing = jax.random.split(key, 4)
        self.embedding = Embedding(vocabulary, config.embedding, key=for_words)
        self.reader = Bidirectional(
            LSTM(config.embedding, config.reader, key=forward),
            LSTM(config.embedding, config.reader, key=backward),
        )
        self.draw = Draw(
            2 * config.reader,
            config.hidden,
            key=for_drawing,
            latents=config.latents,
            read=config.read,
            write=config.write,
            attention_size=config.attention,
            canvas=config.canvas,
        )
        self.config = config
        self.size = size

    def again(self, pictures: Array, tokens: Array, lengths: Array, *, key: Array) -> Redrawn:
        """Draws pictures again.

        Args:
          pictures: [B, Y, X], 0 or 1.
          tokens: int32 [B, L], right-padded; padding may hold anything.
          lengths: int32 [B].
          key: of the latents.
        """
        return Redrawn(
            *self.draw.again(pictures, self._read(tokens, lengths), self._noise(key, len(tokens)))
        )

    def anew(self, tokens: Array, lengths: Array, *, key: Array) -> Drawn:
        """Draws pictures from words alone; arguments as of `again`."""
        noise = self._noise(key, len(tokens))
        return self.draw.anew(self._read(tokens, lengths), noise, size=self.size)

    def canvases(self, drawn: Drawn) -> Array:
        """The canvas after each step: logits [B, T, Y, X]."""
        return self.draw.canvases(drawn)

    def _read(self, tokens: Array, lengths: Array) -> Memory:
        lengths = jnp.asarray(lengths)
        words = self.embedding(masked(tokens, lengths))
        states, finals = self.reader(words, lengths=lengths)
        if self.config.words == "align":
            return self.draw.memory(states, lengths=lengths)
        last = jnp.concatenate([final.h for final in finals], axis=-1)[:, None]
        places = 1 if self.config.words == "last" else 0
        return self.draw.memory(last.astype(states.dtype)[:, :places])

    def _noise(self, key: Array, batch: int) -> Array:
        noise = jax.random.normal(key, (batch, self.config.steps, self.config.latents))
        return noise.astype(self.draw.params.w_prior.dtype)  # which says how the kernel rounds
