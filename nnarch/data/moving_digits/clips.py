"""Batches and test sets of clips, drawn from MNIST by scripts.

A digit picture stays on its side of the split: test clips show digits that training never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnarch.data.captions import Captioned
from nnarch.data.examples import Batch
from nnarch.data.mnist import CLASSES, Digits
from nnarch.data.moving_digits.drawing import INK, draw_digits, halved, together
from nnarch.data.moving_digits.motion import REST, acting, middles
from nnarch.data.moving_digits.scripts import Recipe, Script
from nnarch.data.moving_digits.sentences import LONGEST, WORDS, events_of, sentence
from nnarch.data.vocabulary import PAD, SPECIAL, Vocabulary

JITTER = 1.0  # pixels by which all places of a digit are shifted at most
SEEN = 48  # of 255: the brightest pixel of a digit that counts as seen
LABELS = ("rests", "stops", "enters", "leaves", "bounces")  # of frames
NOBODY = -1  # who acts in a frame at rest

VOCABULARY = Vocabulary((*SPECIAL, *WORDS))


class Cast:
    """The digits that clips are drawn with.

    Args:
      digits: one split of MNIST.
    """

    def __init__(self, digits: Digits):
        self.pictures = halved(digits.pictures)
        self.of_label = [np.flatnonzero(digits.labels == label) for label in range(CLASSES)]

    def choose(self, rng: np.random.Generator, labels: Sequence[int]) -> np.ndarray:
        """A picture of each label: float32 [len(labels), DIGIT, DIGIT]."""
        rows = [rng.choice(self.of_label[label]) for label in labels]
        return self.pictures[rows]


class Filmed(NamedTuple):
    """Clips, and where each digit is seen."""

    clips: np.ndarray  # uint8 [N, T, size, size]
    seen: np.ndarray  # bool [N, 2, T]


def film(rng: np.random.Generator, cast: Cast, scripts: Sequence[Script], size: int) -> Filmed:
    """Draws clips of scripts of one number of frames, on canvases of size x size pixels."""
    pictures = np.stack([cast.choose(rng, script.digits) for script in scripts])
    shifts = rng.uniform(-JITTER, JITTER, (len(scripts), 2, 1, 2))
    places = np.stack([middles(script, size, INK) for script in scripts]) + shifts
    drawn = draw_digits(pictures, places, size)
    return Filmed(together(drawn, axis=1), drawn.max(axis=(3, 4)) >= SEEN)


@dataclass(frozen=True)
class Labelled:
    """Clips with a label for each frame.

    Args:
      cast: who is filmed.
      recipe: of the scripts, of the kinds in LABELS.
      size: pixels a side.
    """

    cast: Cast
    recipe: Recipe
    size: int

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """A batch.

        Returns:
          "clip" uint8 [N, T, S, S]; int32 [N, T]: "label", of LABELS, of what has moved since the
          frame before, and "digit", who it is, NOBODY where nothing moves; bool [N, T]:
          "from_future" and "from_past", whether only later, or earlier, frames tell the label.
        """
        scripts = [self.recipe.draw(rng) for _ in range(count)]
        filmed = film(rng, self.cast, scripts, self.size)
        rows = [_labels(script, seen) for script, seen in zip(scripts, filmed.seen, strict=True)]
        return {"clip": filmed.clips} | {
            name: np.stack([row[name] for row in rows]) for name in rows[0]
        }


def _labels(script: Script, seen: np.ndarray) -> Batch:
    """Of one clip, [T] each. A digit of which nothing is seen yet, or any more, rests."""
    found = acting(script)
    kinds = [LABELS.index(action.kind) for action in script.actions]
    who = [action.who for action in script.actions]
    active = found.action != REST
    number = np.where(active, found.action, 0)
    active &= seen[np.take(who, number), np.arange(script.frames)]
    return {
        "label": np.where(active, np.take(kinds, number), 0).astype(np.int32),
        "digit": np.where(active, np.take(script.digits, np.take(who, number)), NOBODY).astype(
            np.int32
        ),
        "from_future": active & found.from_future,
        "from_past": active & found.from_past,
    }


@dataclass(frozen=True)
class Told:
    """Clips with a sentence each.

    Args:
      cast: who is filmed.
      recipe: of the scripts.
      size: pixels a side.
      channels: of the clips; 1 is grey, and 3 three times the same.
    """

    cast: Cast
    recipe: Recipe
    size: int
    channels: int = 1

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """A batch.

        Returns:
          "picture" uint8 [N, T, S, S, channels], "tokens" int32 [N, LONGEST + 1] of VOCABULARY (the
          words, the end, then pad), "lengths" int32 [N] (the end counts).
        """
        scripts = [self.recipe.draw(rng) for _ in range(count)]
        tokens = np.full((count, LONGEST + 1), PAD, np.int32)
        lengths = np.zeros(count, np.int32)
        for row, script in enumerate(scripts):
            words = VOCABULARY.encode(sentence(events_of(script)))
            tokens[row, : len(words)], lengths[row] = words, len(words)
        clips = self._in_colour(film(rng, self.cast, scripts, self.size).clips)
        return {"picture": clips, "tokens": tokens, "lengths": lengths}

    def both_ways(self, rng: np.random.Generator, count: int) -> Captioned:
        """`count` clips, each also backward: 2 count of them, one way and then the other."""
        scripts = [self.recipe.draw(rng) for _ in range(count)]
        clips = self._in_colour(film(rng, self.cast, scripts, self.size).clips)
        told = [sentence(events_of(script)) for script in scripts]
        told += [sentence(events_of(script.backward())) for script in scripts]
        return Captioned(
            pictures=np.concatenate([clips, clips[:, ::-1]]),
            captions=tuple((words,) for words in told),
            accepted=tuple(frozenset([" ".join(words)]) for words in told),
        )

    def _in_colour(self, clips: np.ndarray) -> np.ndarray:
        return np.repeat(clips[..., None], self.channels, axis=-1)
