"""Vector arithmetic with a picture and words: a woman firefighter - "woman" + "man".

    unit(picture - "woman" + "man")        is to lie near pictures of a man firefighter

Source: Kiros et al. 2014, "Unifying visual-semantic embeddings", section 3.2 and figure 4.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nnarch.data.captions import Captioned

PARTS = ("base", "tone", "gender")


class Swap(NamedTuple):
    """A change of one part of an emoji, and the words that are to bring it about."""

    part: str  # "tone" or "gender"
    before: str
    after: str

    @property
    def words(self) -> tuple[str, str]:
        """What is taken away, and what is added: ("light skin tone", "dark skin tone")."""
        kind = " skin tone" if self.part == "tone" else ""
        return self.before + kind, self.after + kind


SWAPS = (
    Swap("gender", "woman", "man"),
    Swap("gender", "man", "woman"),
    Swap("tone", "light", "dark"),
    Swap("tone", "dark", "light"),
)
WORDS = tuple(dict.fromkeys(word for swap in SWAPS for word in swap.words))


class Placed(NamedTuple):
    """Pictures, and where they lie."""

    pictures: Captioned
    vectors: np.ndarray  # [N, features], of unit length


class Moved(NamedTuple):
    """Pictures moved by words, and what they find."""

    swap: Swap
    rows: np.ndarray  # int [Q], which pictures
    scores: np.ndarray  # [Q, N], how near all pictures are; -inf for those like the query
    unmoved: np.ndarray  # [Q, N], the same of the query without the words
    matches: np.ndarray  # bool [Q, N]


def tells_parts(split: Captioned) -> bool:
    """Whether its pictures are known by base, tone and gender."""
    return {*PARTS, "digest"} <= set(split.details)


def moved(queries: Placed, pool: Placed, words: Mapping[str, np.ndarray]) -> list[Moved]:
    """What each of SWAPS makes of the queries that it is about.

    Asked about are pictures whose own name holds the word that is taken away ("men" is not "man").
    Right is a picture that shows the same with the part changed, whoever drew it. Pictures
    identical to the query to the byte are left out, as the paper leaves out the query; so are
    queries for which nothing is right.

    Args:
      queries, pool: what is moved, and what is looked through.
      words: where each of WORDS lies.
    """
    found = (_moved(swap, queries, pool, words) for swap in SWAPS)
    return [each for each in found if len(each.rows)]


def _moved(swap: Swap, queries: Placed, pool: Placed, words: Mapping[str, np.ndarray]) -> Moved:
    place, shown = PARTS.index(swap.part), _parts(queries.pictures)
    before, after = swap.words
    rows = _asked(queries.pictures, swap)
    wanted = [(*shown[row][:place], swap.after, *shown[row][place + 1 :]) for row in rows]
    there = _parts(pool.pictures)
    digests = np.array(pool.pictures.details["digest"])
    like = np.array(queries.pictures.details["digest"])[rows, None] == digests
    matches = _equal(wanted, there) & ~like
    kept = matches.any(axis=1)
    vectors = queries.vectors[rows]
    scores = [
        np.where(like, -np.inf, each @ pool.vectors.T)[kept]
        for each in (vectors - words[before] + words[after], vectors)
    ]
    return Moved(swap, rows[kept], *scores, matches[kept])


def _asked(split: Captioned, swap: Swap) -> np.ndarray:
    """int [Q]: the pictures that a swap is about."""
    before = f" {swap.words[0]} "
    named = [before in f" {' '.join(captions[0])} " for captions in split.captions]
    return np.flatnonzero((np.array(split.details[swap.part]) == swap.before) & np.array(named))


def _parts(split: Captioned) -> list[tuple[str, ...]]:
    return list(zip(*(split.details[part] for part in PARTS), strict=True))


def _equal(some: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]]) -> np.ndarray:
    """bool [len(some), len(others)]."""
    numbers = {parts: number for number, parts in enumerate(dict.fromkeys([*some, *others]))}
    left, right = (np.array([numbers[each] for each in row], int) for row in (some, others))
    return left[:, None] == right
