"""How well what belongs together is found: recall at K, the median rank, a match by words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


class RetrievalScores(NamedTuple):
    """What a system's answers are worth, over all queries.

    Attributes:
      recall_at_1, recall_at_5, recall_at_10: shares, from 0 to 1, of the queries with a match among
        the first 1, 5, 10 answers; where answers have one score, how likely that is, of all orders.
      median_rank: of the first match, its mean over the orders; 1 is the best.
    """

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float


def retrieval_scores(scores: np.ndarray, matches: np.ndarray) -> RetrievalScores:
    """Scores a system that ranks N candidates for each of Q queries.

    Args:
      scores: [Q, N], larger is nearer.
      matches: bool [Q, N], every candidate that is a right answer; one at least for each query.

    Raises:
      ValueError: as `first_match`.
    """
    places = _places(scores, matches)
    recalls = (float(np.mean(_found_among(most, *places))) for most in (1, 5, 10))
    return RetrievalScores(*recalls, float(np.median(_mean_rank(*places))))


def first_match(scores: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """The rank of the best right answer to each query.

    Candidates of one score come in no order, so the mean over all orders is taken: with e others
    and m matches at the best match's score, below b better ones, 1 + b + e / (m + 1).

    Args:
      scores: [Q, N], larger is nearer.
      matches: bool [Q, N], every candidate that is a right answer; one at least for each query.

    Returns:
      float64 [Q], 1 or more.

    Raises:
      ValueError: the shapes differ, there is no query, or a query has no match.
    """
    return _mean_rank(*_places(scores, matches))


def _places(scores: np.ndarray, matches: np.ndarray) -> tuple[np.ndarray, ...]:
    """How many are better than the best match, and how many others and matches have its score."""
    _check(scores, matches)
    best = np.where(matches, scores, -np.inf).max(axis=1, keepdims=True)
    level = scores == best
    return tuple(np.sum(a, axis=1) for a in (scores > best, level & ~matches, level & matches))


def _mean_rank(better: np.ndarray, others: np.ndarray, equals: np.ndarray) -> np.ndarray:
    return 1 + better + others / (equals + 1)


def _found_among(
    most: int, better: np.ndarray, others: np.ndarray, equals: np.ndarray
) -> np.ndarray:
    """How likely a match is among the first `most`: float64 [Q].

    Of the places that are left for that score, none is a match's with the probability
    C(others, left) / C(others + equals, left).
    """
    missed = np.ones(len(better))
    for taken in range(most):
        here = np.maximum(others - taken, 0) / np.maximum(others + equals - taken, 1)
        missed *= np.where(taken < most - better, here, 1)
    return 1 - missed


def _check(scores: np.ndarray, matches: np.ndarray) -> None:
    if scores.ndim != 2 or scores.shape != matches.shape or not len(scores):
        raise ValueError(
            f"expected scores [Q, N] and matches [Q, N], Q at least 1; got {scores.shape} and "
            f"{matches.shape}. Pass a line for each query."
        )
    if not matches.any(axis=1).all():
        raise ValueError(
            f"expected a match for each query; {np.sum(~matches.any(axis=1))} have none. "
            "Leave those out."
        )
    if np.isnan(scores).any():
        raise ValueError("expected scores that are numbers; some are NaN. Look for their cause.")


def word_cosines(texts: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """How near texts are in their words, which count by how rare they are in `others` (tf-idf).

    Returns:
      float64 [len(texts), len(others)], from 0 (no word in common) to 1.

    Raises:
      ValueError: no word stands in `others`.
    """
    vectors = TfidfVectorizer(token_pattern=r"\S+")
    keys = vectors.fit_transform(others)
    return (vectors.transform(texts) @ keys.T).toarray()
