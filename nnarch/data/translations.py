"""Sentences with their translations in memory, whatever set they are from, and the sets by name."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import tensorflow_datasets as tfds

from nnarch.data.examples import Examples, ragged
from nnarch.data.prepared import read
from nnarch.data.subwords import Subwords

_log = logging.getLogger(__name__)

# A set is a module with `load(*, folder, splits)`; imported when it is asked for.
SETS = {
    "verses": "nnarch.data.verses",
    "messages": "nnarch.data.messages",
    "wmt14_translate/fr-en": "nnarch.data.wmt14_translate",
}


@dataclass(frozen=True, eq=False)
class Sentences:
    """One split of a set of translations.

    Attributes:
      source: N sentences, English in every set.
      target: what each is in French.
      details: what else is known of each, by name: N strings each.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """N pairs."""
        return len(self.source)

    def take(self, rows: Sequence[int]) -> "Sentences":
        """These pairs, in this order."""
        return Sentences(
            tuple(self.source[row] for row in rows),
            tuple(self.target[row] for row in rows),
            {name: tuple(values[row] for row in rows) for name, values in self.details.items()},
        )

    def asking(self, detail: str) -> "Sentences":
        """Each source begins with a symbol for its `detail`: which translation is asked for.

        Where training holds several translations of one sentence, a model that is told whose it
        shall give need not guess. Source: Johnson et al. 2017, arXiv 1611.04558.
        """
        pairs = zip(self.details[detail], self.source, strict=True)
        return replace(self, source=tuple(f"{symbol(value)} {text}" for value, text in pairs))

    def symbols(self, detail: str) -> tuple[str, ...]:
        """The symbols of `asking`, which subwords have to keep whole."""
        return tuple(symbol(value) for value in sorted(set(self.details[detail])))


def symbol(value: str) -> str:
    """Asks for a translation: 'l' is '<to:l>'."""
    return f"<to:{value}>"


def load(
    name: str,
    *,
    english: Sequence[str] = (),
    french: Sequence[str] = (),
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Sentences]:
    """A set of translations by its name: its splits, or those named.

    "train" and "validation" are among the splits of every set; the others are test sets.

    Args:
      name: one of SETS.
      english, french: which translations, for "verses" alone; see nnarch.data.verses.load.
      folder: where prepared sets lie; the cache folder if left out (see nnarch.data.fetch).
      splits: which to read; all if left out.

    Raises:
      ValueError: there is no set, split or translation of that name.
      DataMissing: the set is not there and cannot be made; the message says what to do.
    """
    if name not in SETS:
        raise ValueError(f"expected a data set among {sorted(SETS)}; got {name!r}. Name one.")
    module = import_module(SETS[name])
    if name == "verses":
        return module.load(english=english, french=french, folder=folder, splits=splits)
    if english or french:
        raise ValueError(
            f"expected translations to be chosen for verses alone; got {[*english, *french]} for "
            f"{name}. Leave them out."
        )
    return module.load(folder=folder, splits=splits)


def sentences(
    builder: tfds.core.DatasetBuilder, split: str, details: Sequence[str] = ()
) -> Sentences:
    """Reads a prepared split with the features "source", "target" and `details`, all text."""
    names = ("source", "target", *details)
    records = read(builder, split)
    # All at once: one by one takes twice as long.
    records = records.__getitems__(range(len(records)))
    rows = [[record[name].decode() for name in names] for record in records]
    source, target, *rest = zip(*rows, strict=True)
    return Sentences(source, target, dict(zip(details, rest, strict=True)))


def examples(
    split: Sentences, source: Subwords, target: Subwords, *, longest: int | None = None
) -> Examples:
    """What the pipeline draws from: an example for each pair.

    A batch has "source" int32 [B, S] and "source_lengths" int32 [B], "target" int32 [B, T] and
    "target_lengths" int32 [B]: subwords, the end token (which counts), then pad.

    Args:
      split: the pairs.
      source, target: the subwords of each side; one object may serve both.
      longest: pairs of which a side has more subwords are left out, and it is told how many.

    Raises:
      ValueError: no pair is left.
    """
    rows = [
        (source.encode(english), target.encode(french))
        for english, french in zip(split.source, split.target, strict=True)
    ]
    kept = [row for row in rows if longest is None or max(map(len, row)) <= longest]
    if not kept:
        raise ValueError(
            f"expected pairs of {longest} subwords or fewer; none of {len(rows)} is. Allow more."
        )
    if len(kept) < len(rows):
        left_out = len(rows) - len(kept)
        _log.warning("Left out %d pairs of more than %d subwords.", left_out, longest)
    sources, targets = zip(*kept, strict=True)
    return Examples(
        ragged={
            "source": ragged(sources, "source_lengths"),
            "target": ragged(targets, "target_lengths"),
        }
    )


def sources_alone(texts: Sequence[str], source: Subwords) -> Examples:
    """An example for each text, without a translation: what is translated.

    A batch has "source" and "source_lengths".
    """
    encoded = [source.encode(text) for text in texts]
    return Examples(ragged={"source": ragged(encoded, "source_lengths")})


def told(split: str, pairs: int, left_out: Mapping[str, int]) -> str:
    """How a split came to be, for a builder to say: "train: 27,762 pairs; left out: 341 ratio"."""
    reasons = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in left_out.items()]
    return f"{split}: {pairs:,} pairs; left out: {', '.join(reasons)}"
