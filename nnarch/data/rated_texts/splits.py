"""Cuts the rated texts into training, validation and test sets, and drops what would spoil them.

  train_KIND  what is left of a kind
  validation  tweets
  tweets      tweets, the test set
  movies, products, editorials
              test sets of other texts, whether training has some of their kind or not

Sentences of one review or editorial stay together. What is nearly a held-out text word for word is
in no training set, of whatever kind, and no such text is in two held-out sets.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnarch.data.near_duplicates import near
from nnarch.data.rated_texts.sources import Rated

TESTS = ("tweets", "movies", "products", "editorials")
HELD_OUT = ("validation", *TESTS)  # the first of two that share a text loses it


@dataclass(frozen=True)
class Sizes:
    """How much is held out.

    Attributes:
      validation, tweets: tweets of each.
      others: the share of each other kind that is its test set.
    """

    validation: int = 500
    tweets: int = 700
    others: float = 0.1


Counts = dict[str, dict[str, int]]


def cut(
    texts: Mapping[str, Sequence[Rated]], *, sizes: Sizes, seed: int
) -> tuple[dict[str, list[Rated]], Counts]:
    """The texts of each split, training's as "train_KIND", and how many each lost, and why."""
    shares = _shares(texts, sizes, np.random.default_rng(seed))
    left_out: Counts = {}
    splits: dict[str, list[Rated]] = {}
    held: list[str] = []
    for name in reversed([*(n for n in shares if n not in HELD_OUT), *HELD_OUT]):
        rows = shares.get(name, [])
        once = rows if name not in HELD_OUT else _first_of(rows)
        splits[name] = _apart(once, held)
        left_out[name] = {
            "repeated": len(rows) - len(once),
            "near_duplicate": len(once) - len(splits[name]),
        }
        if name in HELD_OUT:
            held += [row.text for row in splits[name]]
    return splits, left_out


def _shares(
    texts: Mapping[str, Sequence[Rated]], sizes: Sizes, rng: np.random.Generator
) -> dict[str, list[Rated]]:
    shares = {}
    for kind, rows in texts.items():
        order = _whole_documents(rows, rng)
        counts = {"validation": sizes.validation, "tweets": sizes.tweets}
        if kind != "tweets":
            counts = {kind: int(sizes.others * len(rows))} if kind in TESTS else {}
        for name, count in counts.items():
            shares[name], order = order[:count], order[count:]
        shares[f"train_{kind}"] = order
    return shares


def _whole_documents(rows: Sequence[Rated], rng: np.random.Generator) -> list[Rated]:
    """In random order, but what is of one review or editorial together."""
    documents: dict[str, list[Rated]] = {}
    for row in rows:
        documents.setdefault(row.number.partition("_")[0], []).append(row)
    found = [*documents.values()]
    return [row for place in rng.permutation(len(found)) for row in found[place]]


def _first_of(rows: Iterable[Rated]) -> list[Rated]:
    first: dict[str, Rated] = {}
    for row in rows:
        first.setdefault(row.text.lower(), row)
    return [*first.values()]


def _apart(rows: Sequence[Rated], held: Sequence[str]) -> list[Rated]:
    """Those that are not held out, nor nearly so."""
    same = {text.lower() for text in held}
    found = near([row.text for row in rows], held) if held else np.zeros(len(rows), bool)
    kept = zip(rows, found, strict=True)
    return [row for row, is_near in kept if not is_near and row.text.lower() not in same]
