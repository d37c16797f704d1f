"""COCO's photographs with five captions each, in the splits of Karpathy and Li.

tensorflow-datasets prepares the set, once, and needs TensorFlow for it:

    python -m nnarch.data.coco_captions [FOLDER]

Afterwards nothing here does. When a split is first read at some size, its pictures are cut to a
square, made smaller and written beside the set as one array, which later runs map into memory:
82,783 pictures of 48x48 are 570 MB on disk, and as much of memory as the system has to spare.
"""

import io
import json
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from rich.progress import track

from nnarch.data.captions import Captioned, Words
from nnarch.data.fetch import DataMissing
from nnarch.data.prepared import (
    data_folder,
    found_prepared,
    made_once,
    prepared,
    read,
    rows_written,
)

NAME = "coco_captions"
# "restval", 30,504 more pictures that some train on too, is left out.
SPLITS = {"train": "train", "validation": "val", "test": "test"}
NEEDED = ("tensorflow", "importlib-resources")  # the extra "tensorflow"
_WORD = re.compile(r"[\w'’-]*\w")


def load(
    *, size: int = 48, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Captioned]:
    """The splits "train", "validation" and "test", from a prepared set.

    Captions are lower-cased words without punctuation. Details are "filename" and "image_id".

    Raises:
      ValueError: there is no such split, or the size is below 1.
      DataMissing: the set has not been prepared; the message says how to do it.
    """
    if size < 1 or set(splits or ()) - set(SPLITS):
        raise ValueError(
            f"expected a size of 1 pixel or more and splits among {sorted(SPLITS)}; "
            f"got {size} and {list(splits or ())}. Change what does not fit."
        )
    builder = _builder(data_folder(folder))
    return {split: _captioned(_resized(builder, SPLITS[split], size)) for split in splits or SPLITS}


def _builder(folder: Path) -> tfds.core.DatasetBuilder:
    """Reads the prepared set's own description: its class would need TensorFlow."""
    advice = (
        "Prepare it once, which downloads about 40 GB and needs TensorFlow: pip install "
        f"{' '.join(NEEDED)}, then python -m nnarch.data.{NAME} {folder}"
    )
    return tfds.builder_from_directory(found_prepared(folder, NAME, "*", advice=advice))


def prepare_with_tensorflow(folder: Path | str | None = None) -> None:
    """Downloads the set and writes it as array_record.

    Raises:
      DataMissing: TensorFlow is not installed, or the folder cannot be written to.
    """
    absent = [name for name in NEEDED if find_spec(name.replace("-", "_")) is None]
    if absent:
        raise DataMissing(
            f"preparing {NAME} needs TensorFlow; not installed: {', '.join(absent)}. Run "
            f"pip install {' '.join(NEEDED)} and try again. Reading the set afterwards needs none."
        )
    place = data_folder(folder)
    prepared(lambda: tfds.builder(NAME, data_dir=place), place)


def _resized(builder: tfds.core.DatasetBuilder, split: str, size: int) -> Path:
    """The folder with the split's small pictures and its captions, made if it is not there."""
    place = Path(builder.data_dir) / f"resized-{split}-{size}"

    def write(folder: Path) -> None:
        _write_resized(read(builder, split, encoded="image"), folder, size)

    return made_once(place, write)


def _write_resized(records: Sequence[dict], folder: Path, size: int) -> None:
    rows = []
    with rows_written(folder / "pictures.npy", (size, size, 3)) as add:
        for record in track(records, "making pictures smaller"):
            add(resize(record["image"], size))
            rows.append(_row(record))
    (folder / "captions.json").write_text(json.dumps(rows), encoding="utf-8")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "filename": record["image/filename"].decode(),
        "image_id": str(record["image/id"]),
        "captions": [words_of(text.decode()) for text in record["captions"]["text"]],
    }


def resize(encoded: bytes, size: int) -> np.ndarray:
    """The middle square of a picture file, size x size: uint8 [size, size, 3]."""
    image = Image.open(io.BytesIO(encoded))
    image.draft("RGB", (2 * size, 2 * size))  # a JPEG is decoded at a fraction of its size
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    square = (left, top, left + edge, top + edge)
    small = image.convert("RGB").resize((size, size), Image.Resampling.BOX, box=square)
    return np.asarray(small)


def words_of(caption: str) -> Words:
    """Lower-cased words: "A man's dog, asleep." -> ("a", "man's", "dog", "asleep")."""
    return tuple(_WORD.findall(caption.lower()))


def _captioned(folder: Path) -> Captioned:
    rows = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    captions = tuple(tuple(map(tuple, row["captions"])) for row in rows)
    return Captioned(
        pictures=np.load(folder / "pictures.npy", mmap_mode="r"),
        captions=captions,
        accepted=tuple(frozenset(map(" ".join, listed)) for listed in captions),
        details={name: tuple(row[name] for row in rows) for name in ("filename", "image_id")},
    )


if __name__ == "__main__":
    try:
        prepare_with_tensorflow(*sys.argv[1:2])
    except DataMissing as error:
        sys.exit(str(error))
