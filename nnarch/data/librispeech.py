"""LibriSpeech: read books, a hundred hours of them to train on, with their texts.

tensorflow-datasets prepares the set, once, and needs TensorFlow, pydub and ffmpeg for it:

    python -m nnarch.data.librispeech [FOLDER]

Afterwards nothing here does. When a split is first read, its samples are written beside the set end
to end, as one file that later runs map into memory: 11.6 GB for the hundred hours, and as much of
memory as the system has to spare.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from rich.progress import track

from nnarch.data.fetch import DataMissing
from nnarch.data.prepared import data_folder, found_prepared, made_once, prepared, read
from nnarch.data.speech import Sound, Spoken

NAME = "librispeech"
# Left out: "train_clean360" and "train_other500", 860 hours more to train on, and "dev_other".
SPLITS = {
    "train": "train_clean100",
    "validation": "dev_clean",
    "test_clean": "test_clean",
    "test_other": "test_other",
}
DETAILS = ("id", "speaker_id", "chapter_id")
# The extra "tensorflow": packages, and what they are imported as.
NEEDED = {
    "tensorflow": "tensorflow",
    "importlib-resources": "importlib_resources",
    "pydub": "pydub",
    "audioop-lts": "audioop",  # a part of Python before 3.13
}
PROGRAMS = ("ffmpeg",)


def load(
    *, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Spoken]:
    """The splits "train", "validation", "test_clean" and "test_other", from a prepared set.

    Texts are in lower case. Details are "id", "speaker_id" and "chapter_id".

    Raises:
      ValueError: there is no such split.
      DataMissing: the set has not been prepared; the message says how to do it.
    """
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {[*SPLITS]}; got {sorted(unknown)}. Name those.")
    builder = _builder(data_folder(folder))
    return {split: _spoken(_flat(builder, SPLITS[split])) for split in splits or SPLITS}


class _Prepared(tfds.core.read_only_builder.ReadOnlyBuilder, skip_registration=True):
    """Reads what the true builder wrote: its own description of the sound needs TensorFlow."""

    def _info(self) -> tfds.core.DatasetInfo:
        # tfds.features.Audio in its default form is such an array, to the byte.
        speech = tfds.features.Tensor(shape=(None,), dtype=np.int16)
        features = {
            "speech": speech,
            "text": tfds.features.Text(),
            "speaker_id": np.int64,
            "chapter_id": np.int64,
            "id": np.str_,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))


def _builder(folder: Path) -> tfds.core.DatasetBuilder:
    advice = (
        "Prepare it once, which downloads about 60 GB, takes several times that on disk, and needs "
        f"TensorFlow and ffmpeg: python -m nnarch.data.{NAME} {folder}"
    )
    return _Prepared(found_prepared(folder, NAME, "default", advice=advice))


def prepare_with_tensorflow(folder: Path | str | None = None) -> None:
    """Downloads the set and writes it as array_record.

    Raises:
      DataMissing: a package or program is not installed, or the folder cannot be written to.
    """
    absent = [package for package, module in NEEDED.items() if find_spec(module) is None]
    absent += [program for program in PROGRAMS if not shutil.which(program)]
    if absent:
        raise DataMissing(
            f"preparing {NAME} needs TensorFlow, and ffmpeg to decode its sound; not installed: "
            f"{', '.join(absent)}. Install the packages with pip and ffmpeg with the system's own "
            "installer, and try again. Reading the set afterwards needs none of them."
        )
    place = data_folder(folder)
    prepared(lambda: tfds.builder(NAME, data_dir=place), place)


def _flat(builder: tfds.core.DatasetBuilder, split: str) -> Path:
    """The folder with the split's samples end to end and its texts, made if it is not there."""
    place = Path(builder.data_dir) / f"flat-{split}"
    return made_once(place, lambda folder: _write_flat(read(builder, split), folder))


def _write_flat(records: Sequence[dict[str, Any]], folder: Path) -> None:
    rows = []
    with (folder / "samples.int16").open("wb") as file:
        for record in track(records, "laying sound end to end"):
            file.write(np.ascontiguousarray(record["speech"], "<i2").tobytes())
            rows.append(_row(record))
    (folder / "texts.json").write_text(json.dumps(rows), encoding="utf-8")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "samples": len(record["speech"]),
        "text": record["text"].decode().lower(),
        "id": record["id"].decode(),
        "speaker_id": str(record["speaker_id"]),
        "chapter_id": str(record["chapter_id"]),
    }


def _spoken(folder: Path) -> Spoken:
    rows = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    samples = np.memmap(folder / "samples.int16", "<i2", mode="r")
    starts = np.cumsum([0, *(row["samples"] for row in rows)], dtype=np.int64)
    return Spoken(
        audio=Sound(samples, starts, "audio_lengths"),
        texts=tuple(row["text"] for row in rows),
        details={name: tuple(row[name] for row in rows) for name in DETAILS},
    )


if __name__ == "__main__":
    try:
        prepare_with_tensorflow(*sys.argv[1:2])
    except DataMissing as error:
        sys.exit(str(error))
