"""Ratings from a bag of words: what a net that reads in order has to beat.

Words and pairs of neighbours, weighted by TF-IDF; ridge regression for ratings, logistic regression
for which side a text is on. For each of the two apart, every choice is made on validation texts.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from nnarch.metrics.ratings import NEUTRAL, rating_figures

LONGEST = (1, 2)  # words of a feature
OTHERS = (0.0, 0.1, 0.3)  # what a training text of another kind counts, where there are some
STRENGTHS = {"ridge": (0.1, 0.3, 1.0, 3.0), "logistic": (1.0, 3.0, 10.0, 30.0)}

Tell = Callable[[Sequence[str]], np.ndarray]
Kind = Literal["ridge", "logistic"]


class RatedTexts(NamedTuple):
    """Texts and what they are rated."""

    texts: Sequence[str]
    ratings: np.ndarray  # float [N]


class Fitted(NamedTuple):
    """A regression, and how well it does on the validation texts."""

    score: float  # correlation of ridge regression; of the logistic one, percent of sides right
    chosen: str
    tell: Tell  # texts -> float [N]: ratings, or above 0 for positive


def fit_bag_of_words(
    kind: Kind,
    train: RatedTexts,
    own: np.ndarray,
    validation: RatedTexts,
    *,
    words: Callable[[str], Sequence[str]],
) -> Fitted:
    """The best of all choices on the validation texts.

    Args:
      kind: which regression.
      train: texts to learn from.
      own: bool [N], which of them are of the kind that is validated on.
      validation: texts that choose.
      words: cuts a text.
    """
    found = _fitted(kind, train, np.asarray(own), validation, words)
    return max(found, key=lambda each: each.score)


def _fitted(kind, train: RatedTexts, own: np.ndarray, validation, words) -> Iterator[Fitted]:
    for longest in LONGEST:
        cut = TfidfVectorizer(
            analyzer=lambda text, longest=longest: _runs(words(text), longest), sublinear_tf=True
        )
        seen, asked = cut.fit_transform(train.texts), cut.transform(validation.texts)
        others = OTHERS if own.any() and not own.all() else (1.0,)
        for weight, strength in product(others, STRENGTHS[kind]):
            predict = _regress(kind, strength, seen, train.ratings, np.where(own, 1, weight))
            figures = rating_figures(predict(asked), validation.ratings)
            yield Fitted(
                figures.correlation if kind == "ridge" else figures.sign,
                f"up to {longest} words, others {weight:g}, strength {strength:g}",
                lambda texts, cut=cut, predict=predict: predict(cut.transform(texts)),
            )


def _runs(words: Sequence[str], longest: int) -> list[str]:
    """Lower-cased words, and runs of up to so many."""
    small = [word.lower() for word in words]
    return [
        " ".join(small[at : at + size])
        for size in range(1, longest + 1)
        for at in range(len(small) - size + 1)
    ]


def _regress(kind: Kind, strength: float, seen, ratings: np.ndarray, weights: np.ndarray) -> Tell:
    """`strength` is ridge regression's penalty, and the inverse of the logistic one's."""
    used = weights > 0
    if kind == "logistic":
        used &= np.abs(ratings) >= NEUTRAL
        model = LogisticRegression(C=strength, solver="liblinear", random_state=0)
        model.fit(seen[used], ratings[used] > 0, sample_weight=weights[used])
        return model.decision_function
    model = Ridge(alpha=strength, solver="sparse_cg")
    return model.fit(seen[used], ratings[used], sample_weight=weights[used]).predict
