"""VADER itself: a lexicon whose words people rated, and rules, by the package of its authors.

Source: Hutto and Gilbert 2014.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


def compound(texts: Sequence[str]) -> np.ndarray:
    """VADER's compound score of each text, from -1 to 1: float [N]."""
    return np.array([_analyser().polarity_scores(text)["compound"] for text in texts])


@cache
def _analyser() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


def fit_vader(texts: Sequence[str], ratings: np.ndarray) -> Callable[[Sequence[str]], np.ndarray]:
    """Maps texts to ratings by the straight line that fits compound scores best.

    It is fitted so that VADER's scores, which have a scale of their own, can be told as ratings; it
    leaves their correlation as it is.
    """
    slope, offset = np.polyfit(compound(texts), ratings, 1)
    return lambda asked: slope * compound(asked) + offset
