"""Prepared data sets on disk: tensorflow-datasets builders written and read without TensorFlow."""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from nnarch.data.fetch import DataMissing, cache_folder

_MAKING = "making-"  # what a folder that is not whole yet is called


def data_folder(folder: Path | str | None) -> Path:
    """`folder`, or where prepared data sets lie if none is named."""
    return Path(folder).expanduser() if folder else cache_folder() / "datasets"


def prepared(
    make: Callable[[], tfds.core.DatasetBuilder], folder: Path
) -> tfds.core.DatasetBuilder:
    """A builder whose data set is there: written as array_record first, whole or not at all.

    Args:
      make: gives the builder, with `folder` as its data_dir. It is called again once the set is
        written, since a builder looks for its data when it is made.
      folder: which one process at a time writes to; another one that wants the set waits.

    Raises:
      DataMissing: the set's source is not there, or the folder cannot be written to.
    """
    builder = make()
    if Path(builder.data_dir).is_dir():
        return builder
    try:
        with _lock(folder):
            make().download_and_prepare(file_format="array_record")
    except OSError as error:
        raise DataMissing(
            f"expected to write a data set into {folder}; got {error}. "
            "Make room there, or name another folder."
        ) from error
    return make()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Held by one process at a time; the system lets go of it when that process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "preparing.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def found_prepared(folder: Path, name: str, config: str, *, advice: str) -> Path:
    """Where a set lies that TensorFlow has prepared: the folder of its newest version.

    Args:
      folder: the data folder.
      name: of the set; `python -m nnarch.data.NAME FOLDER` prepares it.
      config: of its builder; "*" for any.
      advice: what to do where the set is not there, a sentence without its stop.

    Raises:
      DataMissing: it is not there, or in a format that needs TensorFlow to be read.
    """
    found = newest_last(folder.glob(f"{name}/{config}/*/dataset_info.json"))
    if not found:
        raise DataMissing(f"{name} is not in {folder}. {advice}. Or name the folder that holds it.")
    form = json.loads(found[-1].read_text(encoding="utf-8"))["fileFormat"]
    if form != tfds.core.FileFormat.ARRAY_RECORD.value:
        raise DataMissing(
            f"expected {found[-1].parent} as array_record; it is {form}, which needs TensorFlow to "
            f"be read. Prepare it in another folder: python -m nnarch.data.{name} FOLDER."
        )
    return found[-1].parent


def newest_last(described: Iterable[Path]) -> list[Path]:
    """Files dataset_info.json in the order of the versions that they lie in."""
    return sorted(described, key=_version)


def _version(described: Path) -> tuple[tuple[int, ...], str]:
    """In the order of versions, where 1.10.0 is newer than 1.9.0."""
    parts = described.parent.name.split(".")
    return tuple(int(part) for part in parts if part.isdigit()), str(described)


def made_once(place: Path, write: Callable[[Path], None]) -> Path:
    """`place`, a folder that `write` fills where it is not there yet: whole, or not at all.

    One process at a time writes beside it; another one that wants it waits.
    """
    if place.is_dir():
        return place
    with _lock(place.parent):
        for left in place.parent.glob(f"{_MAKING}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        if not place.is_dir():
            _make(place, write)
    return place


def _make(place: Path, write: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=_MAKING) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        write(whole)
        whole.rename(place)


@contextmanager
def rows_written(path: Path, shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives a function that adds a row, uint8 of this shape, to an array [N, *shape] in .npy form.

    Rows are written as they come, N is known at the end, and a full disk is an OSError.
    """
    rows = 0

    def add(row: np.ndarray) -> None:
        nonlocal rows
        rows += 1
        file.write(np.ascontiguousarray(row, np.uint8).reshape(shape).tobytes())

    def describe() -> None:
        described = {"descr": "|u1", "fortran_order": False, "shape": (rows, *shape)}
        np.lib.format.write_array_header_1_0(file, described)

    with path.open("wb") as file:
        describe()
        yield add
        file.seek(0)
        describe()  # of the same length: NumPy leaves room for N to grow


@contextmanager
def own_progress_bar_alone() -> Iterator[None]:
    """tensorflow-datasets draws four bars that flash by: the builder's own tells all."""
    tfds.disable_progress_bar()
    try:
        yield
    finally:
        tfds.enable_progress_bar()


def read(
    builder: tfds.core.DatasetBuilder, split: str, *, encoded: str | None = None
) -> Sequence[dict]:
    """The records of a prepared split, read when they are asked for.

    Text comes as UTF-8 bytes, the feature `encoded`, if one is named, as the bytes of its file.

    Raises:
      ValueError: there is no such split.
    """
    if split not in builder.info.splits:
        raise ValueError(
            f"expected a split of {builder.name} among {sorted(builder.info.splits)}; "
            f"got {split!r}. Name one."
        )
    skip: dict[str, Any] = {encoded: tfds.decode.SkipDecoding()} if encoded else {}
    return builder.as_data_source(split, decoders=skip)
