"""The tensorflow-datasets builder of the rated texts (it needs no TensorFlow), and its reader."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared
from nnarch.data.prepared import read as read_prepared
from nnarch.data.rated_texts.sources import KINDS, SOURCE, Rated, read
from nnarch.data.rated_texts.splits import HELD_OUT, Sizes, cut
from nnarch.data.rated_texts.texts import Texts, joined

_log = logging.getLogger(__name__)

SEED = 1  # of the choice of texts
SPLITS = ("train", *HELD_OUT)


@dataclass
class RatedTextsConfig(tfds.core.BuilderConfig):
    """How much is held out."""

    sizes: Sizes = field(default_factory=Sizes)


class RatedTexts(tfds.core.GeneratorBasedBuilder):
    """Tweets and other texts that people rated; see splits.py for what is held out."""

    # Prepared sets are found by it: raise it whenever the texts or the splits change.
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        RatedTextsConfig(name="default", description="tweets are validated and tested on")
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            citation=_CITATION,
            license=_LICENCE,
            metadata=tfds.core.MetadataDict(),  # "left_out": see splits.cut
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "kind": tfds.features.Text(),
                    "number": tfds.features.Text(),
                    "rating": np.float32,
                    "deviation": np.float32,
                    "raters": np.int32,
                }
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        texts = {kind: read(kind) for kind in KINDS}
        splits, left_out = cut(texts, sizes=self.builder_config.sizes, seed=SEED)
        self.info.metadata["left_out"] = left_out
        for name, counts in left_out.items():
            reasons = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in counts.items())
            _log.warning("rated texts, %s: %d; left out: %s", name, len(splits[name]), reasons)
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, rows: Sequence[Rated]) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in rows:
            yield f"{row.kind}-{row.number}", row._asdict()


_DESCRIPTION = (
    "Texts with the mean of what people thought of them, from -4 (extremely negative) to 4 "
    "(extremely positive): 4,200 tweets (20 to 99 raters each), 10,605 sentences of film reviews, "
    "3,708 of product reviews, 5,190 of newspaper editorials, and 7,517 words of a lexicon (10 "
    f"raters each), from the source archive of the Python package {SOURCE.name} {SOURCE.version}. "
    "200 of the tweets are contrived, variants of one another. Mentions and addresses are "
    "anonymous. Tweets are cut at random, sentences by review or editorial; no training text is "
    "nearly a held-out one word for word."
)
_CITATION = (
    "C.J. Hutto and E.E. Gilbert, VADER: a parsimonious rule-based model for sentiment analysis of "
    "social media text. International Conference on Weblogs and Social Media, 2014."
)
_LICENCE = "MIT (of the package that carries the texts), with the request to cite the paper."


def load(
    *,
    train: Sequence[str] = ("tweets",),
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Texts]:
    """The splits of the rated texts, read from the archive first where that has not been done.

    Args:
      train: what training holds: kinds among "tweets", "movies", "products", "editorials", "words".
        Held-out splits are the same whatever is chosen.
      folder: where prepared sets lie; the cache folder if left out.
      splits: which to read; all of SPLITS if left out.

    Raises:
      ValueError: there is no such kind or split, or training holds nothing.
      nnarch.data.fetch.DataMissing: the archive is not there and cannot be fetched.
    """
    _check(train, KINDS, "kinds of text, one or more,")
    wanted = SPLITS if splits is None else splits
    _check(wanted, SPLITS, "splits")
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: RatedTexts(data_dir=place), place)
    names = {"train": [f"train_{kind}" for kind in KINDS if kind in train]}
    return {
        split: joined([_texts(builder, name) for name in names.get(split, [split])])
        for split in wanted
    }


def _check(chosen: Sequence[str], known: Sequence[str], what: str) -> None:
    if not chosen or set(chosen) - set(known):
        raise ValueError(f"expected {what} among {known}; got {tuple(chosen)}. Name those.")


def _texts(builder: tfds.core.DatasetBuilder, split: str) -> Texts:
    records = read_prepared(builder, split)
    # All at once: one by one takes twice as long.
    records = records.__getitems__(range(len(records)))
    return Texts(
        tuple(record["text"].decode() for record in records),
        np.array([record["rating"] for record in records], np.float32),
        np.array([record["deviation"] for record in records], np.float32),
        tuple(record["kind"].decode() for record in records),
    )
