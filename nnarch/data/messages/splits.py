"""Cleans messages and cuts them into training, validation and test sets.

  same_packages  messages of the programs that training has
  new_package    all messages of another program
  validation     as `same_packages`
  train          the rest, without what is nearly a held-out message word for word

Placeholders are tokens (see placeholders.py). Left out is what no one has looked over (fuzzy), what
has several paragraphs, what is the same in French or has no words, pairs whose placeholders differ,
and repetitions.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnarch.data.messages.catalogues import Message
from nnarch.data.near_duplicates import near
from nnarch.data.placeholders import MOST, count, mask, matched
from nnarch.data.typography import plain

SPLITS = ("train", "validation", "same_packages", "new_package")


@dataclass(frozen=True)
class Sizes:
    """How many different English messages are held out for each, of all programs but the new one.

    Attributes:
      same_packages, validation: messages.
      longest: words that a message may have on either side.
    """

    same_packages: int = 1000
    validation: int = 500
    longest: int = 60


class Pair(NamedTuple):
    """A message, and what the symbols in it stand for, in their order."""

    package: str
    source: str
    target: str
    placeholders: tuple[str, ...]


Counts = dict[str, dict[str, int]]


def clean(
    messages: Iterable[Message], *, longest: int, mnemonics: bool = False
) -> tuple[list[Pair], Counter]:
    """The pairs worth learning from, each once, and how many were left out for which reason."""
    left_out, pairs = Counter(dict.fromkeys([*_REASONS, "repeated"], 0)), {}
    for message in messages:
        if reason := _why_not(message, longest):
            left_out[reason] += 1
            continue
        source, target, placeholders = mask(plain(message.english), plain(message.french))
        if mnemonics:
            source, target = _without_mnemonic(source), _without_mnemonic(target)
        pair = Pair(message.package, source, target, placeholders)
        left_out["repeated"] += pair[1:3] in pairs
        pairs.setdefault(pair[1:3], pair)
    return [*pairs.values()], left_out


def _why_not(message: Message, longest: int) -> str:
    """The first reason against a message; nothing if there is none."""
    english, french = plain(message.english), plain(message.french)
    for reason, holds in _REASONS.items():
        if holds(message, english, french, longest):
            return reason
    return ""


_REASONS: dict[str, Callable[[Message, str, str, int], bool]] = {
    "fuzzy": lambda message, *_: message.fuzzy,
    "paragraphs": lambda message, *_: any(
        re.search(r"\n\s*\n", text.strip()) for text in (message.english, message.french)
    ),
    "too_long": lambda _, english, french, longest: (
        max(len(text.split()) for text in (english, french)) > longest
    ),
    "the_same": lambda _, english, french, __: english == french,
    "placeholders": lambda _, english, french, __: (
        not matched(english, french) or count(english) > MOST
    ),
    "no_words": lambda _, english, french, __: not (_has_words(english) and _has_words(french)),
}


def _has_words(text: str) -> bool:
    return bool(re.search(r"[^\W\d_]", mask(text)[0]))


def _without_mnemonic(text: str) -> str:
    """_Edit -> Edit, E_xit -> Exit; a name with several is left as it is."""
    return re.sub(r"_(?=\w)", "", text) if text.count("_") == 1 else text


def cut(
    same: Sequence[Pair], new: Sequence[Pair], *, sizes: Sizes, seed: int
) -> tuple[dict[str, list[Pair]], Counts]:
    """The pairs of each split, and how many each lost.

    No English message stands twice in a held-out split, nor in two splits.
    """
    sources = sorted({pair.source for pair in same} - {pair.source for pair in new})
    order = np.random.default_rng(seed).permutation(len(sources))
    drawn = [sources[place] for place in order]
    held = {
        "same_packages": set(drawn[: sizes.same_packages]),
        "validation": set(drawn[sizes.same_packages :][: sizes.validation]),
    }
    taken = {split: [p for p in same if p.source in chosen] for split, chosen in held.items()}
    taken["new_package"] = [*new]
    splits = {split: _first_of(pairs, ("source",)) for split, pairs in taken.items()}
    left_out = {
        split: {"other_translation": len(pairs) - len(splits[split])}
        for split, pairs in taken.items()
    }
    rest = [pair for pair in same if not any(pair.source in chosen for chosen in held.values())]
    once = _first_of(rest, ("source", "target"))
    repeated = _repeated(once, [pair for pairs in splits.values() for pair in pairs])
    splits["train"] = [pair for pair, found in zip(once, repeated, strict=True) if not found]
    left_out["train"] = {
        "repeated": len(rest) - len(once),
        "near_duplicate": len(once) - len(splits["train"]),
    }
    return {split: splits[split] for split in SPLITS}, left_out


def _first_of(pairs: Iterable[Pair], sides: Sequence[str]) -> list[Pair]:
    """The first of those pairs that have the same texts on these sides."""
    first: dict[tuple[str, ...], Pair] = {}
    for pair in pairs:
        first.setdefault(tuple(getattr(pair, side) for side in sides), pair)
    return [*first.values()]


def _repeated(pairs: Sequence[Pair], held: Sequence[Pair]) -> np.ndarray:
    """bool [N]: which are nearly a held-out message on one side."""
    return near([p.source for p in pairs], [p.source for p in held]) | near(
        [p.target for p in pairs], [p.target for p in held]
    )
