"""Handwritten digits on a canvas, with a caption that says which they are and where.

    one digit     "the digit three is at the top left"
    two digits    "the digit three is to the left of the digit five", "... is below ..."

Some combinations of digits and places are held out of training: each of their digits and each of
their places is seen, never together. Pixels are black or white.

Source: Mansimov et al. 2015, arXiv 1511.02793, section 4.1, whose digits lie on 60x60 pixels too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnarch.data.examples import Batch
from nnarch.data.mnist import CLASSES, Digits
from nnarch.data.mnist import SIZE as DIGIT
from nnarch.data.vocabulary import SPECIAL, Vocabulary

SIZE = 60  # pixels a side
JITTER = 4  # pixels that a digit may lie off its corner or side, on each axis
INK = 127  # of 255: brighter pixels are white

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = ("top left", "top right", "bottom left", "bottom right")
RELATIONS = ("to the left of", "above")
TURNED = ("to the right of", "below")  # the same of the second digit


@dataclass(frozen=True)
class Scene:
    """One digit at a place, or two in a relation.

    Attributes:
      digits: one or two; of two the left one, or the upper one, first.
      place: among PLACES, or among RELATIONS.
    """

    digits: tuple[int, ...]
    place: int

    @property
    def captions(self) -> tuple[str, ...]:
        """Every way to say it."""
        names = [f"the digit {NAMES[digit]}" for digit in self.digits]
        if len(names) == 1:
            return (f"{names[0]} is at the {PLACES[self.place]}",)
        first, second = names
        return (
            f"{first} is {RELATIONS[self.place]} {second}",
            f"{second} is {TURNED[self.place]} {first}",
        )

    @property
    def answer(self) -> tuple[int, ...]:
        """The digits and the place."""
        return (*self.digits, self.place)


def scenes(digits: int) -> dict[str, tuple[Scene, ...]]:
    """All scenes of so many digits: "seen" in training, and "unseen".

    Raises:
      ValueError: there are neither one nor two.
    """
    if digits == 1:
        whole = [Scene((a,), place) for a in range(CLASSES) for place in range(len(PLACES))]
        held = [scene.digits[0] % 4 == scene.place and scene.digits[0] < 8 for scene in whole]
    elif digits == 2:
        pairs = [(a, b) for a in range(CLASSES) for b in range(CLASSES)]
        whole = [Scene(pair, place) for pair in pairs for place in range(len(RELATIONS))]
        held = [(3 * s.digits[0] + s.digits[1] + 2 * s.place) % 5 == 0 for s in whole]
    else:
        raise ValueError(f"captioned digits are 1 or 2 a picture; got {digits}. Choose one.")
    split = {"seen": [], "unseen": []}
    for scene, out in zip(whole, held, strict=True):
        split["unseen" if out else "seen"].append(scene)
    return {name: tuple(found) for name, found in split.items()}


def _words(digits: int) -> set[str]:
    """Those of all captions of so many digits."""
    whole = [scene for part in scenes(digits).values() for scene in part]
    return {word for scene in whole for text in scene.captions for word in text.split()}


WORDS = {digits: sorted(_words(digits)) for digits in (1, 2)}
VOCABULARY = Vocabulary((*SPECIAL, *sorted({*WORDS[1], *WORDS[2]})))


def answer_sizes(digits: int) -> tuple[int, ...]:
    """How many values each part of an answer has."""
    return (*[CLASSES] * digits, len(PLACES if digits == 1 else RELATIONS))


@dataclass(frozen=True, eq=False)
class Pages:
    """What scenes are drawn from: the digits of one side of the split."""

    digits: Digits

    @cached_property
    def _of(self) -> list[np.ndarray]:
        return [np.flatnonzero(self.digits.labels == label) for label in range(CLASSES)]

    def draw(self, rng: np.random.Generator, count: int, among: Sequence[Scene]) -> Batch:
        """Draws so many pictures of scenes.

        Returns:
          "picture" uint8 [N, 60, 60], 0 or 1; "tokens" int32 [N, L] and "lengths" int32 [N], the
          caption without an end; "answer" int32 [N, digits + 1].
        """
        chosen = [among[place] for place in rng.integers(len(among), size=count)]
        captions = [scene.captions[rng.integers(len(scene.captions))] for scene in chosen]
        pictures = np.stack([self.picture(rng, scene) for scene in chosen])
        answers = np.array([scene.answer for scene in chosen], np.int32)
        digits = len(among[0].digits)
        longest = max(len(text.split()) for scene in among for text in scene.captions)
        encoded = encode(captions, digits=digits, longest=longest)
        return {"picture": pictures, "answer": answers, **encoded}

    def picture(self, rng: np.random.Generator, scene: Scene) -> np.ndarray:
        """One picture of a scene, uint8 [60, 60], 0 or 1."""
        canvas = np.zeros((SIZE, SIZE), np.uint8)
        for digit, (row, column) in zip(scene.digits, _corners(rng, scene), strict=True):
            drawn = self.digits.pictures[rng.choice(self._of[digit])] > INK
            canvas[row : row + DIGIT, column : column + DIGIT] |= drawn
        return canvas


def _corners(rng: np.random.Generator, scene: Scene) -> list[tuple[int, int]]:
    """The upper left pixel of each digit."""
    near, far = rng.integers(0, JITTER + 1, (2, 2))
    far = SIZE - DIGIT - far
    if len(scene.digits) == 1:
        bottom, right = divmod(scene.place, 2)
        return [((near, far)[bottom][0], (near, far)[right][1])]
    middle = (SIZE - DIGIT) // 2
    across = middle + rng.integers(-2 * JITTER, 2 * JITTER + 1, 2)
    along = (near[0], far[0])
    places = zip(across, along, strict=True)
    return [(row, column) if scene.place == 0 else (column, row) for row, column in places]


def encode(
    captions: Sequence[str], *, digits: int, longest: int | None = None
) -> Mapping[str, np.ndarray]:
    """Captions as "tokens" int32 [N, L], padded, and "lengths" int32 [N].

    Raises:
      ValueError: a caption has no words, or one that no caption of so many digits has.
    """
    example = Scene((3, 8)[:digits], 0).captions[0]
    split = [caption.lower().replace(".", " ").split() for caption in captions]
    for caption, words in zip(captions, split, strict=True):
        unknown = [word for word in words if word not in WORDS[digits]]
        if unknown or not words:
            raise ValueError(
                f"expected a caption such as {example!r}; got {caption!r}"
                + (f", with {', '.join(map(repr, unknown))}" if unknown else "")
                + f". The words are: {' '.join(WORDS[digits])}."
            )
    lengths = np.array([len(words) for words in split], np.int32)
    tokens = np.zeros((len(split), longest or max(lengths)), np.int32)
    for row, words in enumerate(split):
        tokens[row, : len(words)] = VOCABULARY.encode(words)[:-1]
    return {"tokens": tokens, "lengths": lengths}
