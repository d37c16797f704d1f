"""Characters as classes of CTC: the blank 0, then the space, the apostrophe, a to z."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

BLANK = 0
CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"
CLASSES = 1 + len(CHARACTERS)
_CLASS_OF = {character: number for number, character in enumerate(CHARACTERS, BLANK + 1)}


def encode(text: str) -> np.ndarray:
    """int32 [len(text)].

    Raises:
      ValueError: a character has no class.
    """
    if unknown := sorted(set(text) - _CLASS_OF.keys()):
        raise ValueError(
            f"expected text of the characters {CHARACTERS!r}; got {unknown} in {text!r}. "
            "Write it in lower case, numbers in words, without punctuation."
        )
    return np.array([_CLASS_OF[character] for character in text], np.int32)


def decode(labels: Iterable[int]) -> str:
    """The text of a labelling; blanks, which pad it, are left out."""
    return "".join(CHARACTERS[int(label) - 1] for label in labels if label != BLANK)


def frames_needed(text: str) -> int:
    """The frames that CTC needs at least: one a character, and a blank between two alike."""
    return len(text) + sum(first == second for first, second in pairwise(text))
