"""Texts that stand nearly word for word among others, which training must not hold."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

DICE = 0.85  # of two texts' sets of words, from which on they count as nearly the same
_WORD = re.compile(r"\w+")
_BLOCK = 256  # held-out texts that are compared at once: memory


def near(texts: Sequence[str], held_out: Sequence[str], *, dice: float = DICE) -> np.ndarray:
    """Which of the texts are nearly one that is held out: bool [N].

    Compared are the sets of lower-cased words A and B, by Dice's coefficient 2|A∩B| / (|A| + |B|).
    A text without words is near to none.
    """
    numbers: dict[str, int] = {}
    rows = _sets(texts, numbers)
    columns = _sets(dict.fromkeys(held_out), numbers)
    a, b = _matrix(rows, len(numbers)), _matrix(columns, len(numbers))
    sizes, held_sizes = (np.asarray(matrix.sum(axis=1)).ravel() for matrix in (a, b))
    found = np.zeros(len(texts), bool)
    for start in range(0, b.shape[0], _BLOCK):
        shared = (a @ b[start : start + _BLOCK].T).tocoo()
        together = sizes[shared.row] + held_sizes[start + shared.col]
        found[shared.row[2 * shared.data >= dice * together]] = True
    return found


def _sets(texts: Iterable[str], numbers: dict[str, int]) -> list[set[int]]:
    """The words of each text as numbers; words that are new get one."""
    return [
        {numbers.setdefault(word, len(numbers)) for word in _WORD.findall(text.lower())}
        for text in texts
    ]


def _matrix(sets: Sequence[set[int]], words: int) -> sparse.csr_array:
    """int32 [texts, words]: 1 where the word stands in the text."""
    starts = np.cumsum([0, *map(len, sets)])
    places = np.array([number for each in sets for number in each], np.int32)
    return sparse.csr_array((np.ones(len(places), np.int32), places, starts), (len(sets), words))
