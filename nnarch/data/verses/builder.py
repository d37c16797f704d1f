"""The tensorflow-datasets builder of the verses (it needs no TensorFlow), and its reader."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared
from nnarch.data.translations import Sentences, sentences, told
from nnarch.data.verses.splits import SPLITS, Pair, Sizes, cut
from nnarch.data.verses.texts import ENGLISH, FRENCH, SOURCE, read

_log = logging.getLogger(__name__)

SEED = 1  # of the choice of chapters
DETAILS = ("book", "chapter", "verse", "english", "french")


@dataclass
class VersesConfig(tfds.core.BuilderConfig):
    """Which translations are read, in the order of texts.py, and how much is held out."""

    english: tuple[str, ...] = ("4",)
    french: tuple[str, ...] = ("l",)
    sizes: Sizes = field(default_factory=Sizes)


def _choices(known: Iterable[str]) -> list[tuple[str, ...]]:
    """One of the translations, two, or all; the default comes first."""
    known = [*known]
    return [chosen for count in range(len(known)) for chosen in combinations(known, count + 1)]


def _name(english: Sequence[str], french: Sequence[str]) -> str:
    return f"{''.join(english)}-{''.join(french)}"


class Verses(tfds.core.GeneratorBasedBuilder):
    """Verses in English and French; see splits.py for what is held out."""

    # Prepared sets are found by it: raise it whenever the texts or the splits change.
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        VersesConfig(name=_name(english, french), english=english, french=french)
        for english in _choices(ENGLISH)
        for french in _choices(FRENCH)
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            license=_LICENCE,
            metadata=tfds.core.MetadataDict(),  # "left_out": see splits.cut
            features=tfds.features.FeaturesDict(
                {name: tfds.features.Text() for name in ("source", "target", *DETAILS)}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        config = self.builder_config
        english, french = (
            {name: read(name) for name in names} for names in (config.english, config.french)
        )
        pairs, left_out = cut(english, french, sizes=config.sizes, seed=SEED)
        self.info.metadata["left_out"] = left_out
        for split in SPLITS:
            _log.warning(told(f"verses {config.name}, {split}", len(pairs[split]), left_out[split]))
        return {split: self._generate_examples(pairs[split]) for split in SPLITS}

    def _generate_examples(self, pairs: Sequence[Pair]) -> Iterator[tuple[str, dict[str, str]]]:
        for pair in pairs:
            book, chapter, verse = map(str, pair.verse)
            key = "-".join((pair.english, pair.french, book, chapter, verse))
            details = (book, chapter, verse, pair.english, pair.french)
            yield (
                key,
                {"source": pair.source, "target": pair.target}
                | dict(zip(DETAILS, details, strict=True)),
            )


_DESCRIPTION = (
    "The verses of the Bible in English and French, aligned by their numbers, from the database in "
    f"the Python package {SOURCE.name} {SOURCE.version}. English: "
    + ", ".join(f"{key} {name}" for key, name in ENGLISH.items())
    + ". French: "
    + ", ".join(f"{key} {name}" for key, name in FRENCH.items())
    + ". Headings of psalms, verse numbers of other editions and signs of editors are left out; "
    "apostrophes, quotation marks and spaces are written in one way. Verses of `chapters` and "
    "`validation` are of chapters, those of `books` of books (Jonah and Ephesians) of which "
    "training holds nothing, nor anything that is nearly a held-out verse word for word."
)
_LICENCE = (
    "The translations are in the public domain. The package that carries them is under GPL-3.0: "
    "its database is read, its code is neither installed nor run."
)


def load(
    *,
    english: Sequence[str] = (),
    french: Sequence[str] = (),
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Sentences]:
    """The splits of the verses, read from the database first where that has not been done.

    Training holds each verse in every pair of the chosen translations, held-out splits in one:
    English 4 to French l where these are chosen, else the first that is, in the order of ENGLISH
    and FRENCH. So what is tested stays the same, however much is added to training.

    Details are the numbers "book", "chapter" and "verse", and which translations "english" and
    "french" are.

    Args:
      english: of the letters of texts.ENGLISH; World English if left out.
      french: of the letters of texts.FRENCH; Segond 1910 if left out.
      folder, splits: see nnarch.data.translations.load.

    Raises:
      ValueError: there is no such translation or split.
      nnarch.data.fetch.DataMissing: the database is not there and cannot be fetched.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {SPLITS}; got {sorted(unknown)}. Name those.")
    config = _name(_chosen(english, ENGLISH), _chosen(french, FRENCH))
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: Verses(config=config, data_dir=place), place)
    return {split: sentences(builder, split, DETAILS) for split in splits or SPLITS}


def _chosen(names: Sequence[str], known: dict[str, str]) -> tuple[str, ...]:
    if unknown := set(names) - set(known):
        raise ValueError(
            f"expected translations among {known}; got {sorted(unknown)}. Name their letters."
        )
    return tuple(name for name in known if name in names) or (next(iter(known)),)
