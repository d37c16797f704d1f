"""Prepared data sets on disk: tensorflow-datasets builders written and read without TensorFlow."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from nnarch.data.fetch import DataMissing, cache_folder


def data_folder(folder: Path | str | None) -> Path:
    """`folder`, or where prepared data sets lie if none is named."""
    return Path(folder).expanduser() if folder else cache_folder() / "datasets"


def prepare(builder: tfds.core.DatasetBuilder) -> None:
    """Writes the data set as array_record, unless it is there; whole or not at all.

    A second process that wants the same set waits for the first.

    Raises:
      DataMissing: its source is not there, or the folder cannot be written to.
    """
    try:
        with _lock(Path(builder.data_dir)):
            builder.download_and_prepare(file_format="array_record")
    except OSError as error:
        raise DataMissing(
            f"expected to write the data set {builder.info.full_name} into {builder.data_dir}; "
            f"got {error}. Make room there, or name another folder."
        ) from error


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    """Held by one process at a time; the system lets go of it when that process ends."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(builder: tfds.core.DatasetBuilder, split: str, *, encoded: str) -> Sequence[dict]:
    """The records of a prepared split, read when they are asked for.

    Text comes as UTF-8 bytes, the feature `encoded` as the bytes of its file.

    Raises:
      ValueError: there is no such split.
    """
    if split not in builder.info.splits:
        raise ValueError(
            f"expected a split of {builder.name} among {sorted(builder.info.splits)}; "
            f"got {split!r}. Name one."
        )
    skip: dict[str, Any] = {encoded: tfds.decode.SkipDecoding()}
    return builder.as_data_source(split, decoders=skip)
