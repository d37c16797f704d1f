"""Words as numbers: pad 0, start 1, end 2, unknown 3, then the words of the training side."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of their numbers, the four special ones first.

    Raises:
      ValueError: the special words do not stand first, or a word stands twice.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Checks what a file may have spoilt."""
        if self.words[: len(SPECIAL)] != SPECIAL or len(set(self.words)) != len(self.words):
            raise ValueError(
                f"Vocabulary expects {SPECIAL}, then words that differ; got {self.words[:6]} and "
                f"{len(self.words) - len(set(self.words))} repeated. "
                "Make one with Vocabulary.of(captions)."
            )

    @classmethod
    def of(cls, captions: Iterable[Sequence[str]], *, at_least: int = 1) -> "Vocabulary":
        """The words that stand in `captions` `at_least` times: the most frequent first, then a-z.

        Pass captions of the training side alone: a word of a test set is unknown.
        """
        counts = Counter(word for caption in captions for word in caption)
        kept = [word for word, count in counts.items() if count >= at_least]
        kept = sorted(set(kept) - set(SPECIAL), key=lambda word: (-counts[word], word))
        return cls((*SPECIAL, *kept))

    def __len__(self) -> int:
        """How many numbers there are, the special ones included."""
        return len(self.words)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def __contains__(self, word: object) -> bool:
        """Whether a word has a number of its own."""
        return word in self._numbers

    def encode(self, caption: Sequence[str]) -> np.ndarray:
        """int32 [len(caption) + 1]: the words' numbers, then the end."""
        return np.array([*(self._numbers.get(w, UNKNOWN) for w in caption), END], np.int32)

    def decode(self, tokens: Iterable[int]) -> tuple[str, ...]:
        """The words up to the end or the first pad; a start is left out."""
        words = []
        for token in map(int, tokens):
            if token in (END, PAD):
                break
            if token != START:
                words.append(self.words[token])
        return tuple(words)

    def save(self, path: Path | str) -> None:
        """Writes JSON."""
        text = json.dumps({"words": self.words[len(SPECIAL) :]}, ensure_ascii=False, indent=0)
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
          ValueError: the file is absent or not a vocabulary.
        """
        try:
            words = json.loads(Path(path).read_text(encoding="utf-8"))["words"]
            return cls((*SPECIAL, *words))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"expected a vocabulary at {path}; got {error!r}. It is written beside a run: "
                "name the run's folder, or train again."
            ) from error
