"""Who says what, how: every utterance of every split, drawn from a seed before a word is spoken.

  train          texts and voices of training's side
  validation     texts of its own, training's voices
  unseen_text    texts that stand in no other split but unseen_both, training's voices
  unseen_voices  texts of training, voices whose variant training never hears in any accent
  unseen_both    the texts of unseen_text once more, said by unseen voices

Every word of a held-out text stands in texts of training: what is new is how they are put together.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnarch.data.utterances.engine import Request
from nnarch.data.utterances.texts import KINDS, draw
from nnarch.data.utterances.voices import Voice, training_and_unseen

Said = tuple[str, str]  # a kind and a text

_COMMON = 4  # texts of training that a held-out text's words have to stand in


@dataclass(frozen=True)
class Sizes:
    """How many texts of each kind there are, and how often they are said.

    Attributes:
      number, spelled, command: texts of each kind, over all splits.
      validation, test: share of them that is held out for each.
      takes: utterances of each text of training, each in a voice drawn anew.
      unseen_voices: utterances of that split.
    """

    number: int = 1800
    spelled: int = 2000
    command: int = 2400
    validation: float = 0.06
    test: float = 0.08
    takes: int = 2
    unseen_voices: int = 500


@dataclass(frozen=True)
class Utterance:
    """One that is to be spoken and recorded."""

    key: str
    kind: str
    voice: Voice
    request: Request
    seed: int  # of the conditions it is recorded in


def plan(sizes: Sizes, seed: int) -> dict[str, list[Utterance]]:
    """The utterances of each split."""
    rng = np.random.default_rng(seed)
    texts = _texts(sizes, rng)
    trained, unseen = training_and_unseen(rng)
    again = [texts["train"][row] for row in rng.permutation(len(texts["train"]))]
    casts = {
        "train": (texts["train"] * sizes.takes, trained),
        "validation": (texts["validation"], trained),
        "unseen_text": (texts["test"], trained),
        "unseen_voices": (again[: sizes.unseen_voices], unseen),
        "unseen_both": (texts["test"], unseen),
    }
    return {split: _cast(split, said, voices, seed) for split, (said, voices) in casts.items()}


def _texts(sizes: Sizes, rng: np.random.Generator) -> dict[str, list[Said]]:
    """The texts of training, validation and test, each with the same share of every kind."""
    cut: dict[str, list[Said]] = {"train": [], "validation": [], "test": []}
    for kind in KINDS:
        drawn = draw(kind, getattr(sizes, kind), rng)
        texts = [drawn[row] for row in rng.permutation(len(drawn))]  # the rarest forms come first
        validation, test = (round(share * len(texts)) for share in (sizes.validation, sizes.test))
        held = _held_out(texts, validation + test)
        cut["validation"] += [(kind, text) for text in held[:validation]]
        cut["test"] += [(kind, text) for text in held[validation:]]
        cut["train"] += [(kind, text) for text in texts if text not in held]
    return cut


def _held_out(texts: Sequence[str], wanted: int) -> list[str]:
    """The first ones whose every word stands in _COMMON texts that are not held out."""
    held: list[str] = []
    left = Counter(word for text in texts for word in set(text.split()))
    for text in texts:
        words = set(text.split())
        if len(held) < wanted and all(left[word] > _COMMON for word in words):
            held.append(text)
            left.subtract(words)
    return held


def _cast(split: str, said: Sequence[Said], voices: Sequence[Voice], seed: int) -> list[Utterance]:
    """Gives each text a voice and a manner, which follow from the seed and the key alone."""
    utterances = []
    for number, (kind, text) in enumerate(said):
        key = f"{split}-{number:05}"
        rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
        voice = voices[rng.integers(len(voices))]
        request = Request(
            text=text,
            voice=voice.name,
            rate=int(rng.integers(110, 156) if kind == "spelled" else rng.integers(140, 196)),
            pitch=int(rng.integers(35, 66)),
            pitch_range=int(rng.integers(30, 71)),
            word_gap=int(rng.integers(0, 4)),
            spelled=kind == "spelled",
        )
        utterances.append(Utterance(key, kind, voice, request, int(rng.integers(2**63))))
    return utterances
