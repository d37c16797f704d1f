"""The French and English of WMT 2014: forty million pairs from parliaments, news and the web.

tensorflow-datasets prepares the set when it is first asked for, which downloads several gigabytes;
its builder needs no TensorFlow. The texts of a split are then written beside it as lines, which
later runs read in a fraction of the time.

Of training the first two million pairs are read: the set is stored in a shuffled order, so they are
a sample of all, and what is held in memory as text has to fit.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import tensorflow_datasets as tfds
from rich.progress import track
from tensorflow_datasets.translate.wmt14 import Wmt14Translate

from nnarch.data.fetch import DataMissing
from nnarch.data.prepared import data_folder, made_once, own_progress_bar_alone, prepared
from nnarch.data.translations import Sentences

NAME, CONFIG = "wmt14_translate", "fr-en"
SPLITS = {"train": "train", "validation": "validation", "test": "test"}
MOST = 2_000_000  # pairs of a split


def load(
    *, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Sentences]:
    """The splits "train", "validation" (newstest2013) and "test" (newstest2014), English to French.

    Texts are as they are published, but for line breaks, which become spaces. There are no details.

    Raises:
      ValueError: there is no such split.
      nnarch.data.fetch.DataMissing: the set cannot be written to the folder, or not be downloaded.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {[*SPLITS]}; got {sorted(unknown)}. Name those.")
    place = data_folder(folder)
    try:
        with own_progress_bar_alone():
            builder = prepared(lambda: Wmt14Translate(config=CONFIG, data_dir=place), place)
    except tfds.download.DownloadError as error:
        raise DataMissing(
            f"{NAME} is not in {place} and could not be downloaded: {error}. With a network, try "
            "again. Without one: prepare it where there is one, and name the folder that holds it."
        ) from error
    return {split: _sentences(_lines(builder, SPLITS[split], place)) for split in splits or SPLITS}


def _lines(builder: tfds.core.DatasetBuilder, split: str, folder: Path) -> Path:
    """The folder with the split's texts, a line each, made if it is not there."""
    place = folder / "lines" / NAME / CONFIG / str(builder.version) / split
    place.parent.mkdir(parents=True, exist_ok=True)
    return made_once(place, lambda whole: _write(builder.as_data_source(split), whole))


def _write(records: Sequence[dict], folder: Path) -> None:
    with (folder / "source.txt").open("wb") as source, (folder / "target.txt").open("wb") as target:
        count = min(len(records), MOST)
        for record in track(islice(records, count), "writing texts as lines", count):
            source.write(_line(record["en"]))
            target.write(_line(record["fr"]))


def _line(text: bytes | str) -> bytes:
    """Stored records hold bytes, those that tensorflow-datasets makes up for tests strings."""
    text = text if isinstance(text, bytes) else text.encode()
    return text.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


def _sentences(folder: Path) -> Sentences:
    source, target = (
        tuple((folder / name).read_text(encoding="utf-8").split("\n")[:-1])
        for name in ("source.txt", "target.txt")
    )
    return Sentences(source, target)
