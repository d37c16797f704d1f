"""The tensorflow-datasets builder of the texts (it needs no TensorFlow), and its reader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tensorflow_datasets as tfds
from etils import epath

from nnarch.data.character_texts.sources import (
    SPLITS,
    Document,
    python_version,
    read_bible,
    read_python,
)
from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared
from nnarch.data.prepared import read as read_prepared

Name = Literal["python", "bible"]


class CharacterTexts(tfds.core.GeneratorBasedBuilder):
    """Python's standard library or the King James Bible; see sources.py for what is held out."""

    # Prepared sets are found by it: raise it whenever the texts or the splits change.
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        tfds.core.BuilderConfig(name=python_version(), description="Python's standard library"),
        tfds.core.BuilderConfig(name="bible", description="the King James Bible"),
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            license=_LICENCE,
            features=tfds.features.FeaturesDict(
                {"name": tfds.features.Text(), "text": tfds.features.Text()}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        splits = read_bible() if self.builder_config.name == "bible" else read_python()
        return {split: self._generate_examples(splits[split]) for split in SPLITS}

    def _generate_examples(
        self, documents: Sequence[Document]
    ) -> Iterator[tuple[str, dict[str, str]]]:
        for document in documents:
            yield document.name, document._asdict()


_DESCRIPTION = (
    "Texts for models of characters: the source of Python's standard library, as the version that "
    "ran when the set was prepared has it, without its tests and without tables and texts that "
    "programs wrote (a document is a file; 5 % of them are test, 3 % validation), and the King "
    "James Bible (a document is a book; six are test, four validation)."
)
_LICENCE = "Python's library: PSF-2.0. The King James Bible is in the public domain."


@dataclass(frozen=True)
class Text:
    """What was read.

    Attributes:
      name: of the text; Python's with its version.
      splits: the documents of each split, by name.
    """

    name: str
    splits: dict[str, tuple[Document, ...]]


def load(*, name: Name, folder: Path | str | None = None) -> Text:
    """A text, prepared first where that has not been done.

    Args:
      name: "python" or "bible".
      folder: where prepared sets lie; the cache folder if left out.

    Raises:
      nnarch.data.fetch.DataMissing: the text is not there and cannot be fetched.
    """
    config = python_version() if name == "python" else name
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: CharacterTexts(config=config, data_dir=place), place)
    return Text(config, {split: _documents(builder, split) for split in SPLITS})


def _documents(builder: tfds.core.DatasetBuilder, split: str) -> tuple[Document, ...]:
    records = read_prepared(builder, split)
    found = (
        Document(record["name"].decode(), record["text"].decode())
        for record in records.__getitems__(range(len(records)))
    )
    return tuple(sorted(found))
