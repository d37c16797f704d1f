"""Captioned pictures in memory, whatever set they are from, and the sets by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import numpy as np

from nnarch.data.examples import Examples, Fixed, ragged
from nnarch.data.vocabulary import Vocabulary

Words = tuple[str, ...]

# A set is a module with `load(*, size, folder, splits)`; imported when it is asked for.
SETS = {"emoji": "nnarch.data.emoji", "coco_captions": "nnarch.data.coco_captions"}


@dataclass(frozen=True, eq=False)
class Captioned:
    """One split of a set of captioned pictures.

    Attributes:
      pictures: uint8 [N, S, S, 3]; of a set of videos [N, T, S, S, channels].
      captions: the captions of each picture, one or more, each a tuple of lower-cased words.
      accepted: every caption, as one string, that counts as right for each picture.
      details: what else is known of each picture, by name: N strings each.
    """

    pictures: np.ndarray
    captions: tuple[tuple[Words, ...], ...]
    accepted: tuple[frozenset[str], ...]
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """N pictures."""
        return len(self.captions)

    def where(self, detail: str, values: Sequence[str]) -> "Captioned":
        """The pictures whose `detail` is one of `values`.

        Raises:
          ValueError: there is no such detail, or no such picture.
        """
        if detail not in self.details:
            raise ValueError(
                f"expected one of the details {sorted(self.details)}; got {detail!r}. Name one."
            )
        rows = [row for row, value in enumerate(self.details[detail]) if value in values]
        if not rows:
            raise ValueError(
                f"expected pictures whose {detail} is in {list(values)}; got none. "
                f"Choose among {sorted(set(self.details[detail]))}."
            )
        return self.take(rows)

    def take(self, rows: Sequence[int]) -> "Captioned":
        """These pictures, in this order."""
        return replace(
            self,
            pictures=self.pictures[np.asarray(rows, np.int64)],
            captions=tuple(self.captions[row] for row in rows),
            accepted=tuple(self.accepted[row] for row in rows),
            details={
                name: tuple(values[row] for row in rows) for name, values in self.details.items()
            },
        )


def joined(splits: Sequence[Captioned]) -> Captioned:
    """All pictures of splits of one set, one split after the other."""
    first = splits[0]
    return Captioned(
        pictures=np.concatenate([split.pictures for split in splits]),
        captions=tuple(captions for split in splits for captions in split.captions),
        accepted=tuple(accepted for split in splits for accepted in split.accepted),
        details={
            name: tuple(value for split in splits for value in split.details[name])
            for name in first.details
        },
    )


def load(
    name: str,
    *,
    size: int = 48,
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Captioned]:
    """A set of captioned pictures by its name: its splits, or those named.

    "train" and "validation" are among the splits of every set; the others are test sets.

    Args:
      name: one of SETS.
      size: pictures come as size x size pixels.
      folder: where prepared sets lie; the cache folder if left out (see nnarch.data.fetch).
      splits: which to read; all if left out.

    Raises:
      ValueError: there is no set or split of that name, or no such size.
      DataMissing: the set is not there and cannot be made; the message says what to do.
    """
    if name not in SETS:
        raise ValueError(f"expected a data set among {sorted(SETS)}; got {name!r}. Name one.")
    return import_module(SETS[name]).load(size=size, folder=folder, splits=splits)


def examples(split: Captioned, vocabulary: Vocabulary) -> Examples:
    """What the pipeline draws from: an example for each caption of each picture.

    A batch has "picture" uint8 [B, S, S, 3], "tokens" int32 [B, L] (the words, the end token, then
    pad), and "lengths" int32 [B] (the end token counts).
    """
    rows = [row for row, captions in enumerate(split.captions) for _ in captions]
    tokens = [vocabulary.encode(words) for captions in split.captions for words in captions]
    return Examples(
        fixed={"picture": Fixed(split.pictures, np.asarray(rows))},
        ragged={"tokens": ragged(tokens)},
    )


def pictures_alone(split: Captioned) -> Examples:
    """An example for each picture, without captions: what is evaluated."""
    return Examples(fixed={"picture": Fixed(split.pictures, np.arange(len(split)))})
