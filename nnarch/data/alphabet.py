"""Characters as numbers: 0 is where a text starts, then the characters of the training side."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

START = 0


@dataclass(frozen=True)
class Alphabet:
    """Characters in the order of their numbers, of which the first has 1."""

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Alphabet":
        """All characters of `texts`, by their code points."""
        return cls("".join(sorted(set().union(*texts))))

    def __len__(self) -> int:
        """How many numbers there are, the start included."""
        return 1 + len(self.characters)

    @cached_property
    def _numbers(self) -> np.ndarray:
        """int32 [largest code point + 2]: the number of each, 0 where it has none."""
        codes = [*map(ord, self.characters)]
        numbers = np.zeros(max(codes, default=0) + 2, np.int32)
        numbers[codes] = np.arange(1, len(self))
        return numbers

    def encode(self, text: str) -> np.ndarray:
        """int32 [len(text)].

        Raises:
          ValueError: a character is not of the alphabet.
        """
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        numbers = self._numbers[np.minimum(codes, len(self._numbers) - 1)]
        if not numbers.all():
            unknown = "".join(sorted(set(text) - set(self.characters)))
            raise ValueError(
                f"expected characters that training held; got {unknown!a}. Leave them out; it "
                f"held {self.characters!r}."
            )
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """The text; starts are left out."""
        return "".join(self.characters[number - 1] for number in map(int, numbers) if number)

    def to_json(self, **beside: str) -> bytes:
        """What is kept of it beside a run, with whatever else has to stay the same."""
        return json.dumps({**beside, "characters": self.characters}, indent=0).encode()
