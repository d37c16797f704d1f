"""Utterances with their texts in memory, whatever set they are from, and the sets by name.

Sound is int16 at SAMPLE_RATE in every set: the letters f, s and x differ above 4,000 Hz, which
8,000 samples a second would not carry. Texts are of the characters in characters.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from nnarch.data import characters
from nnarch.data.examples import Examples, Ragged, ragged

SAMPLE_RATE = 16_000  # Hz
BLOCK = SAMPLE_RATE // 10  # buckets are whole numbers of these

# Frames of 25 ms, one each 10 ms, of which strides leave one in four: what a text has to fit into.
WINDOW, HOP, STRIDE = SAMPLE_RATE // 40, SAMPLE_RATE // 100, 4

# A set is a module with `load(*, folder, splits)`; imported when it is asked for.
SETS = {"utterances": "nnarch.data.utterances", "librispeech": "nnarch.data.librispeech"}


class Sound(Ragged):
    """Recordings end to end, int16.

    `lengths` are rounded up to tenths of a second, so that buckets are chosen among some dozens of
    lengths; a batch tells the true ones, in samples.
    """

    @property
    def lengths(self) -> np.ndarray:
        """int32 [N], rounded up."""
        return -(-super().lengths // BLOCK) * BLOCK

    def batch(self, examples: np.ndarray, padded: int) -> tuple[np.ndarray, np.ndarray]:
        """int16 [B, padded] and int32 [B]. Copies whole recordings: an index a sample is slow."""
        lengths = self.lengths_of(examples)
        out = np.full((len(examples), padded), self.pad, self.values.dtype)
        for row, start, length in zip(out, self.starts[examples], lengths, strict=True):
            row[:length] = self.values[start : start + length]
        return out, lengths


def sound(recordings: Sequence[np.ndarray]) -> Sound:
    """Lays recordings, int16 [N_i], end to end.

    Raises:
      ValueError: there is none, or their dtypes differ.
    """
    whole = ragged(recordings)
    return Sound(whole.values, whole.starts, "audio_lengths")


@dataclass(frozen=True, eq=False)
class Spoken:
    """One split of a set of utterances.

    Attributes:
      audio: N recordings; its values may be mapped from a file.
      texts: what is said in each, of the characters in characters.py.
      details: what else is known of each, by name: N strings each.
    """

    audio: Sound
    texts: tuple[str, ...]
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """N utterances."""
        return len(self.texts)

    def recording(self, row: int) -> np.ndarray:
        """int16 [samples], the utterance's own."""
        start, end = self.audio.starts[row : row + 2]
        return np.asarray(self.audio.values[start:end])

    @property
    def seconds(self) -> float:
        """How long all of it lasts."""
        return int(self.audio.starts[-1]) / SAMPLE_RATE


def load(
    name: str, *, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Spoken]:
    """A set of utterances by its name: its splits, or those named.

    "train" and "validation" are among the splits of every set; the others are test sets.

    Args:
      name: one of SETS.
      folder: where prepared sets lie; the cache folder if left out (see nnarch.data.fetch).
      splits: which to read; all if left out.

    Raises:
      ValueError: there is no set or split of that name.
      DataMissing: the set is not there and cannot be made; the message says what to do.
    """
    if name not in SETS:
        raise ValueError(f"expected a data set among {sorted(SETS)}; got {name!r}. Name one.")
    return import_module(SETS[name]).load(folder=folder, splits=splits)


def examples(split: Spoken) -> Examples:
    """What the pipeline draws from: an example for each utterance.

    A batch has "audio" int16 [B, S] and "audio_lengths" int32 [B], in samples; "labels" int32
    [B, L], padded with the blank, and "label_lengths" int32 [B].
    """
    labels = ragged([characters.encode(text) for text in split.texts], "label_lengths")
    return Examples(ragged={"audio": split.audio, "labels": labels})


def audio_alone(audio: Sound) -> Examples:
    """An example for each recording, without labels: what is transcribed."""
    return Examples(ragged={"audio": audio})


def has_room_for(text: str, samples: int) -> bool:
    """Whether a recording leaves CTC as many frames as the text needs.

    Counted are whole windows, and one in STRIDE of them.
    """
    frames = max(0, 1 + (samples - WINDOW) // HOP)
    return frames // STRIDE >= characters.frames_needed(text)
