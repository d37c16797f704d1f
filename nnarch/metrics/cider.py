"""CIDEr-D, how captions of pictures are judged: n-grams weighted by how telling they are.

Source: Vedantam, Zitnick, Parikh 2015, arXiv 1411.5726, in the form that the caption evaluation of
COCO computes (n-grams up to 4 words, sigma 6, factor 10).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # words by which a candidate's length may differ before it is marked down
FACTOR = 10.0

Ngrams = Counter[tuple[str, ...]]


class Cider(NamedTuple):
    """The mean over all candidates, and that of each: [N]. Both from 0 to 10."""

    mean: float
    each: np.ndarray


class _Weighted(NamedTuple):
    """A sentence as weights of its n-grams, one dictionary for each length of n-gram."""

    weights: list[dict[tuple[str, ...], float]]
    norms: list[float]
    length: int


def cider_d(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Cider:
    """CIDEr-D; words are lower-cased and split by spaces.

    For the n-grams g of n words, with df(g) the number of pictures whose references show g:

        w(g)  = count(g) * (log N - log max(1, df(g)))
        s_n   = sum over g of min(w_c(g), w_r(g)) * w_r(g) / (|w_c| |w_r|)
                * exp(-(length_c - length_r)^2 / (2 sigma^2))
        score = 10 * mean over n = 1..4 and over the references r of s_n

    Two things follow that surprise. A sentence of fewer than 4 words has no 4-grams and stays below
    10 even if it is right to the letter. And where there is one picture alone, or every picture has
    the same words, nothing is telling and all is 0.

    Args:
      candidates: a sentence for each of N pictures.
      references: one or more right sentences for each picture.

    Raises:
      ValueError: there are no candidates, or not as many lists of references.
    """
    if not candidates or len(candidates) != len(references) or not all(references):
        raise ValueError(
            f"cider_d expects candidates with a list of one or more references each; got "
            f"{len(candidates)} candidates and {len(references)} lists, "
            f"{sum(not listed for listed in references)} of them empty. Give each its own."
        )
    counted = [[_ngrams(sentence) for sentence in listed] for listed in references]
    frequency = Counter(gram for listed in counted for gram in set().union(*listed))
    log_pictures = float(np.log(len(references)))

    def weigh(grams: Ngrams) -> _Weighted:
        return _weigh(grams, frequency, log_pictures)

    each = [
        np.mean([_similarity(weigh(_ngrams(candidate)), weigh(grams)) for grams in listed])
        for candidate, listed in zip(candidates, counted, strict=True)
    ]
    return Cider(FACTOR * float(np.mean(each)), FACTOR * np.array(each))


def _ngrams(sentence: str) -> Ngrams:
    words = sentence.lower().split()
    return Counter(
        tuple(words[start : start + order])
        for order in range(1, LONGEST + 1)
        for start in range(len(words) - order + 1)
    )


def _weigh(grams: Ngrams, frequency: Counter, log_pictures: float) -> _Weighted:
    weights: list[dict[tuple[str, ...], float]] = [{} for _ in range(LONGEST)]
    for gram, count in grams.items():
        weights[len(gram) - 1][gram] = count * (log_pictures - np.log(max(1, frequency[gram])))
    norms = [float(np.sqrt(sum(w * w for w in part.values()))) for part in weights]
    # The evaluation takes the number of pairs of words for the length: one less than the words.
    length = sum(count for gram, count in grams.items() if len(gram) == 2)
    return _Weighted(weights, norms, length)


def _similarity(candidate: _Weighted, reference: _Weighted) -> float:
    """The mean over the lengths of n-grams."""
    parts = zip(candidate.weights, reference.weights, candidate.norms, reference.norms, strict=True)
    shared = [_cosine(c, r, c_norm * r_norm) for c, r, c_norm, r_norm in parts]
    difference = candidate.length - reference.length
    return float(np.mean(shared) * np.exp(-(difference**2) / (2 * SIGMA**2)))


def _cosine(candidate: dict, reference: dict, norms: float) -> float:
    """Repeating a word of the reference gains nothing: weights are cut to the reference's."""
    product = sum(
        min(weight, reference[gram]) * reference[gram]
        for gram, weight in candidate.items()
        if gram in reference
    )
    return product / norms if norms else 0.0
