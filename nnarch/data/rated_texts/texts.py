"""Rated texts in memory, and the pipeline's examples of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnarch.data.examples import Examples, Fixed, ragged
from nnarch.data.word_pieces import WordPieces


@dataclass(frozen=True, eq=False)
class Texts:
    """One split.

    Attributes:
      texts: N of them.
      ratings: float32 [N], means from -4 to 4.
      deviations: float32 [N], of single ratings.
      kinds: N of them, such as "tweets".
    """

    texts: tuple[str, ...]
    ratings: np.ndarray
    deviations: np.ndarray
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        """N texts."""
        return len(self.texts)


def joined(parts: Sequence[Texts]) -> Texts:
    """One after the other."""
    return Texts(
        tuple(text for part in parts for text in part.texts),
        np.concatenate([part.ratings for part in parts]),
        np.concatenate([part.deviations for part in parts]),
        tuple(kind for part in parts for kind in part.kinds),
    )


def examples(split: Texts, pieces: WordPieces, weights: np.ndarray, *, longest: int) -> Examples:
    """What the pipeline draws from.

    A batch has "pieces" int32 [B, T, G] and "lengths" int32 [B] (see word_pieces.py), "rating" and
    "weight" float32 [B].

    Args:
      split: the texts.
      pieces: how words are cut.
      weights: float [N], how much each counts.
      longest: words that are read of a text; those after them are left out.
    """
    rows = np.arange(len(split))
    fixed = {"rating": split.ratings, "weight": np.asarray(weights, np.float32)}
    return Examples(
        fixed={name: Fixed(values, rows) for name, values in fixed.items()},
        ragged={"pieces": ragged([pieces.encode(text)[:longest] for text in split.texts])},
    )


def words_alone(encoded: Sequence[np.ndarray]) -> Examples:
    """An example for each text, int32 [words, G], without a rating: "pieces" and "lengths"."""
    return Examples(ragged={"pieces": ragged(encoded)})
