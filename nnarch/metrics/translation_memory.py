"""The translation of the training sentence that is nearest: what learning has to beat.

Nearness is the cosine of vectors of words and pairs of words, weighted by how rare they are in
training (tf-idf).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

_BLOCK = 512  # sentences at a time: the cosines with 30,000 others are 120 MB


class Found(NamedTuple):
    """What a memory holds that is nearest to each of N sentences."""

    places: np.ndarray  # int64 [N], the first of equals
    cosines: np.ndarray  # float64 [N], from 0 (no word in common) to 1


def nearest_sentences(sentences: Sequence[str], memory: Sequence[str]) -> Found:
    """For each sentence the one of `memory` that is nearest.

    Raises:
      ValueError: the memory is empty, or holds no word.
    """
    if not len(memory):
        raise ValueError("expected a memory of 1 or more sentences; got none. Pass training's.")
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    keys = vectors.fit_transform(memory)
    places, cosines = [np.empty(0, np.int64)], [np.empty(0)]
    for start in range(0, len(sentences), _BLOCK):
        found = (vectors.transform(sentences[start : start + _BLOCK]) @ keys.T).toarray()
        places.append(found.argmax(axis=1))
        cosines.append(found.max(axis=1))
    return Found(np.concatenate(places), np.concatenate(cosines))
