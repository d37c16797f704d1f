"""Interpolated n-gram models of characters, of every order up to one, by counting sorted numbers.

An n-gram is one integer: its characters are digits, the newest the last. So contexts are quotients,
shorter n-grams remainders, and counting is sorting.

  Kneser-Ney   p_k(c | x) = (n(xc) - D(n(xc)) + g(x) p_k-1(c | x')) / n(x)
  Witten-Bell  p_k(c | x) = (n(xc) + t(x) p_k-1(c | x')) / (n(x) + t(x))

x' is x without its oldest character, t(x) how many different characters follow x, g(x) what the
discounts D took away, and p_0 the same for all. Below its highest order Kneser-Ney counts in how
many contexts an n-gram stands rather than how often.

Source: Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling",
sections 2.6 and 3.2 (modified Kneser-Ney, a discount each for counts of 1, 2, and 3 or more).
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

Smoothing = Literal["Kneser-Ney", "Witten-Bell"]


class Level(NamedTuple):
    """The n-grams of one order, ready to be asked."""

    grams: np.ndarray  # int64 [N], ascending
    shares: np.ndarray  # float64 [N], what is a gram's own in p
    contexts: np.ndarray  # int64 [M], ascending
    rest: np.ndarray  # float64 [M], how much of p the order below has

    def p(self, asked: np.ndarray, base: int, below: np.ndarray) -> np.ndarray:
        """float64 [len(asked)], where `below` is p of the order below."""
        own = _look_up(self.grams, self.shares, asked, missing=0.0)
        rest = _look_up(self.contexts, self.rest, asked // base, missing=1.0)
        return own + rest * below


def _look_up(
    keys: np.ndarray, values: np.ndarray, asked: np.ndarray, *, missing: float
) -> np.ndarray:
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[places] == asked, values[places], missing)


class NGrams:
    """Models of orders 1 to `order`, counted in the same documents.

    Args:
      documents: int [length] each, of numbers from 1 to `characters`; 0 is what stands before a
        document.
      characters: how many different ones there may be.
      order: of the largest model.
      smoothing: how orders are put together.

    Raises:
      ValueError: an n-gram does not fit 63 bits, or there is no text.
    """

    def __init__(
        self,
        documents: Sequence[np.ndarray],
        *,
        characters: int,
        order: int,
        smoothing: Smoothing = "Kneser-Ney",
    ):
        self.base, self.order = characters + 1, order
        if order < 1 or self.base**order >= 2**63 or not sum(map(len, documents)):
            raise ValueError(
                f"expected text and an order of 1 or more whose n-grams of {characters} "
                f"characters fit 63 bits; got {order}. Choose a lower one."
            )
        grams, counts = np.unique(self._grams(documents), return_counts=True)
        if smoothing == "Witten-Bell":
            levels = _counted(grams, counts, self.base, order)
            self.tops = self.lower = [_witten_bell(*each, self.base) for each in levels]
        else:
            kneser_ney = partial(_kneser_ney, base=self.base)
            often = _counted(grams, counts, self.base, order)
            self.tops = [kneser_ney(*each) for each in often]
            orders = range(1, order)
            continued = (_continued(often[k], self.base**k) for k in orders)
            self.lower = [kneser_ney(*each) for each in continued]

    def _grams(self, documents: Sequence[np.ndarray]) -> np.ndarray:
        """int64: the n-gram that ends at each character."""
        return np.concatenate([self._grams_of(document) for document in documents])

    def _grams_of(self, document: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.zeros(self.order - 1, np.int64), document])
        grams = np.zeros(len(document), np.int64)
        for place in range(self.order):
            grams = grams * self.base + padded[place : place + len(document)]
        return grams

    def bits(self, documents: Sequence[np.ndarray]) -> np.ndarray:
        """Mean bits per character by the models of order 1, 2, ...: float64 [order]."""
        grams = self._grams(documents)
        below = np.full(len(grams), 1 / (self.base - 1))
        found = []
        for place, top in enumerate(self.tops):
            asked = grams % self.base ** (place + 1)
            found.append(-np.log2(top.p(asked, self.base, below)).mean())
            if place < self.order - 1:
                below = self.lower[place].p(asked, self.base, below)
        return np.array(found)


Counts = tuple[np.ndarray, np.ndarray]  # grams, ascending, and the count of each


def _counted(grams: np.ndarray, counts: np.ndarray, base: int, order: int) -> list[Counts]:
    """How often each n-gram of order 1, 2, ... stands, from the counts of the highest."""
    found = [(grams, counts)]
    for below in range(order - 1, 0, -1):
        grams, counts = _added(grams % base**below, counts)
        found.append((grams, counts))
    return found[::-1]


def _added(grams: np.ndarray, counts: np.ndarray) -> Counts:
    grams, places = np.unique(grams, return_inverse=True)
    return grams, np.bincount(places, counts).astype(np.int64)


def _continued(longer: Counts, oldest: int) -> Counts:
    """For each n-gram one shorter than these: how many of them end with it.

    `oldest` is the value of the digit that is left out.
    """
    return _added(longer[0] % oldest, np.ones(len(longer[0]), np.int64))


def _witten_bell(grams: np.ndarray, counts: np.ndarray, base: int) -> Level:
    contexts, of = np.unique(grams // base, return_inverse=True)
    kinds = np.bincount(of).astype(float)
    totals = np.bincount(of, counts) + kinds
    return Level(grams, counts / totals[of], contexts, kinds / totals)


def _kneser_ney(grams: np.ndarray, counts: np.ndarray, *, base: int) -> Level:
    contexts, of = np.unique(grams // base, return_inverse=True)
    taken = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(of, counts)
    rest = np.bincount(of, taken) / totals
    return Level(grams, (counts - taken) / totals[of], contexts, rest)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """float64 [4]: of counts of 0 (none), 1, 2, and 3 or more; half of it where none can be told
    from how many counts there are of each size.
    """
    sizes = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(float)
    found = np.array([0, 0.5, 1.0, 1.5])
    if sizes.all():
        share = sizes[0] / (sizes[0] + 2 * sizes[1])
        for n in (1, 2, 3):
            found[n] = np.clip(n - (n + 1) * share * sizes[n] / sizes[n - 1], 0, n)
    return found
