"""Words of informal text as sets of pieces: the word itself and the runs of characters in it.

A word that training never held, a rare form or a misspelling, is then still known by its parts.
Smileys, hashtags, runs of punctuation, mentions and addresses are words.

Source: Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching word vectors with subword
information", arXiv 1607.04606.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from nnarch.data.vocabulary import PAD, SPECIAL, Vocabulary

MOST = 24  # pieces of a word; the rest is left out
LONGEST = 60  # characters that are read of a word
SIZES = (3, 4, 5)  # characters of a run
ADDRESS, MENTION, LOUD = "(address)", "(mention)", "(loud)"

_WORD = re.compile(
    r"https?://\S+"
    r"|[<>]?[:;=8xX][-o*'^]?[)\](\[dDpPoO/\\|@3]+(?!\w)"  # :-) =D xD
    r"|<3+|[oO][._][oO]"
    r"|[@#]?\w+(?:['’]\w+)*"
    r"|[^\w\s]+"
)
_RUN = re.compile(r"(.)\1{3,}")


def words(text: str) -> tuple[str, ...]:
    """The words of a text as they stand in it; none of an empty one."""
    return tuple(_WORD.findall(text))


def pieces_of(word: str) -> Iterator[str]:
    """A word's pieces: the whole in small letters, whether it is in capitals, its runs.

    ^ and $ mark the ends; a character that is repeated more than three times stands three times.
    """
    if word.startswith(("http://", "https://")):
        yield ADDRESS
    elif word.startswith("@"):
        yield MENTION
    else:
        squeezed = _RUN.sub(r"\1\1\1", word[:LONGEST].lower())
        whole = f"^{squeezed}$"
        yield whole
        if len(word) > 1 and word.isupper():
            yield LOUD
        for size in SIZES:
            if size < len(whole):
                yield from (whole[at : at + size] for at in range(len(whole) - size + 1))


@dataclass(frozen=True)
class WordPieces:
    """The pieces that are known, by number; 0 stands for none."""

    vocabulary: Vocabulary

    @classmethod
    def of(cls, texts: Iterable[str], *, at_least: int) -> "WordPieces":
        """Those that stand `at_least` times in the texts. Pass texts of the training side."""
        counts: Counter[str] = Counter()
        for word, count in Counter(word for text in texts for word in words(text)).items():
            for piece in pieces_of(word):
                counts[piece] += count
        kept = (piece for piece, count in counts.items() if count >= at_least)
        return cls(Vocabulary((*SPECIAL, *sorted(kept, key=lambda piece: (-counts[piece], piece)))))

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self.vocabulary)

    def encode(self, text: str) -> np.ndarray:
        """int32 [words, MOST]: the numbers of each word's known pieces, then 0."""
        rows = [self._row(word) for word in words(text)]
        return np.array(rows, np.int32).reshape(-1, MOST)

    @cached_property
    def _row(self) -> Callable[[str], np.ndarray]:
        return lru_cache(maxsize=100_000)(self._numbers)

    def _numbers(self, word: str) -> np.ndarray:
        known = self.vocabulary.encode([*pieces_of(word)])[:-1]
        known = known[known >= len(SPECIAL)][:MOST]
        return np.pad(known, (0, MOST - len(known)), constant_values=PAD)
