"""Cuts the verses into training, validation and test sets, and drops what would spoil them.

  chapters    whole chapters, of all books but two
  books       two books of which training holds nothing
  validation  whole chapters, as `chapters`
  train       the rest, in every pair of the chosen translations, without what stands nearly word
              for word in one of the others: the Bible tells much twice

What is held out is told in one pair of translations. A verse whose texts are of very different
length is left out everywhere: the two do not say the same.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from nnarch.data.near_duplicates import near
from nnarch.data.verses.texts import Verse

SPLITS = ("train", "validation", "chapters", "books")


@dataclass(frozen=True)
class Sizes:
    """How much is held out.

    Attributes:
      chapters, validation: chapters of each.
      books: the numbers of whole books; Jonah, a tale, and Ephesians, a letter.
      outside: percent of training's pairs whose ratio of lengths is too small, and too large.
    """

    chapters: int = 60
    validation: int = 20
    books: tuple[int, ...] = (32, 49)
    outside: float = 1.0


class Pair(NamedTuple):
    """A verse in two translations."""

    verse: Verse
    english: str  # which translation
    french: str
    source: str
    target: str


Texts = Mapping[str, Mapping[Verse, str]]  # the verses of each translation
Counts = dict[str, dict[str, int]]


def cut(
    english: Texts, french: Texts, *, sizes: Sizes, seed: int
) -> tuple[dict[str, list[Pair]], Counts]:
    """The pairs of each split, and how many were left out of each, for which reason.

    Held-out splits are told in the first translation of each language.
    """
    verses = _shares(next(iter(english.values())), sizes, np.random.default_rng(seed))
    repeated = _repeated(verses, [*english.values(), *french.values()])
    splits: dict[str, list[Pair]] = {split: [] for split in SPLITS}
    left_out = {split: Counter(no_text=0, ratio=0, near_duplicate=0) for split in SPLITS}
    for place, chosen in enumerate(product(english, french)):
        texts = english[chosen[0]], french[chosen[1]]
        bounds = _bounds(verses["train"], *texts, sizes.outside)
        for split in SPLITS if place == 0 else ("train",):
            pairs = [Pair(v, *chosen, *(told.get(v, "") for told in texts)) for v in verses[split]]
            splits[split] += _kept(pairs, bounds, repeated, left_out[split])
    return splits, {split: dict(counts) for split, counts in left_out.items()}


def _shares(
    verses: Iterable[Verse], sizes: Sizes, rng: np.random.Generator
) -> dict[str, list[Verse]]:
    """The verses of each split, by book and chapter."""
    verses = sorted(verses)
    chapters = sorted({verse[:2] for verse in verses if verse[0] not in sizes.books})
    drawn = [chapters[place] for place in rng.permutation(len(chapters))]
    held = dict.fromkeys(drawn[: sizes.chapters], "chapters")
    held |= dict.fromkeys(drawn[sizes.chapters :][: sizes.validation], "validation")
    shares: dict[str, list[Verse]] = {split: [] for split in SPLITS}
    for verse in verses:
        split = "books" if verse[0] in sizes.books else held.get(verse[:2], "train")
        shares[split].append(verse)
    return shares


def _repeated(shares: Mapping[str, Sequence[Verse]], texts: Iterable[Mapping]) -> set[Verse]:
    """Verses of training that one of the translations tells nearly as it tells a held-out one."""
    train = shares["train"]
    held = [verse for split in SPLITS if split != "train" for verse in shares[split]]
    found = np.zeros(len(train), bool)
    for told in texts:
        found |= near([told.get(v, "") for v in train], [told.get(v, "") for v in held])
    return {train[row] for row in np.flatnonzero(found)}


def _bounds(
    train: Iterable[Verse], english: Mapping, french: Mapping, outside: float
) -> np.ndarray:
    """Between which ratios of characters all but a few pairs of training lie."""
    told = [(english.get(verse), french.get(verse)) for verse in train]
    ratios = [len(target) / len(source) for source, target in told if source and target]
    return np.percentile(ratios, [outside, 100 - outside])


def _kept(
    pairs: Iterable[Pair], bounds: np.ndarray, repeated: set[Verse], left_out: Counter
) -> Iterator[Pair]:
    for pair in pairs:
        if not (pair.source and pair.target):
            left_out["no_text"] += 1
        elif not bounds[0] <= len(pair.target) / len(pair.source) <= bounds[1]:
            left_out["ratio"] += 1
        elif pair.verse in repeated:
            left_out["near_duplicate"] += 1
        else:
            yield pair
