"""Sets of videos with texts or classes that tensorflow-datasets prepared, as array_record.

Preparing a set of videos needs TensorFlow, and so does its own description of what it holds: here
its records are read as frames and texts without it. When a split is first read at some size, its
frames are cut to squares, made smaller and written beside the set as one array.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_data_source import ArrayRecordDataSource
from PIL import Image
from rich.progress import track

from nnarch.data.captions import Captioned
from nnarch.data.coco_captions import resize, words_of
from nnarch.data.fetch import DataMissing
from nnarch.data.prepared import data_folder, made_once, newest_last, rows_written

VALIDATION = ("validation", "val", "valid", "dev")
HELD_OUT = 10  # where a set has no such split, one in so many training videos validates
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")  # of a class' name: ApplyEyeMakeup


def load(
    name: str,
    *,
    frames: int,
    size: int,
    channels: int = 1,
    folder: Path | str | None = None,
) -> dict[str, Captioned]:
    """A prepared set: "train", "validation", and its other splits under their own names.

    Its videos are told by its texts; by the names of its classes, as words, if it has none. A video
    without any text is left out.

    Args:
      name: of the set, with its config if it has several: "ucf101/ucf101_1".
      frames: of a clip, taken at even distances.
      size: pixels a side; of a frame the middle square is taken.
      channels: 1 is grey, 3 is colour. Pictures are uint8 [N, frames, size, size, channels].
      folder: where prepared sets lie; the cache folder if left out.

    Raises:
      DataMissing: the set is not there, not as array_record, or has no videos, texts or classes.
    """
    place = _found(data_folder(folder), name)
    layout = _layout(place)
    info = json.loads((place / "dataset_info.json").read_text(encoding="utf-8"))
    shape = (frames, size, size, channels)
    found = {
        split["name"]: _captioned(_resized(place, split["name"], layout, shape))
        for split in info["splits"]
    }
    if "train" not in found:
        raise DataMissing(f"{place} has no split train; it has {sorted(found)}. Name another set.")
    return _with_validation(found)


def _found(folder: Path, name: str) -> Path:
    """The folder of a set's newest version."""
    found = newest_last((folder / name).glob("**/dataset_info.json"))
    how = (
        f"Prepare it once, with TensorFlow: pip install tensorflow, then tfds build {name} "
        f"--data_dir {folder} --file_format array_record. Or name the folder that holds it."
    )
    if not found:
        raise DataMissing(f"{name} is not in {folder}. {how}")
    configs = sorted({str(each.parent.parent.relative_to(folder)) for each in found})
    if len(configs) > 1:
        raise DataMissing(f"{name} has several configs in {folder}. Name one of {configs}.")
    form = json.loads(found[-1].read_text(encoding="utf-8")).get("fileFormat")
    if form != tfds.core.FileFormat.ARRAY_RECORD.value:
        raise DataMissing(f"expected {found[-1].parent} as array_record; it is {form}. {how}")
    return found[-1].parent


class _Layout(NamedTuple):
    """Which features of a record are read."""

    video: str
    text: str
    kind: str  # "text", "texts" or "class"

    @property
    def features(self) -> tfds.features.FeaturesDict:
        """As they lie in a record: frames are files of pictures."""
        of = tfds.features
        text = {"text": of.Text(), "texts": of.Sequence(of.Text()), "class": of.Scalar(np.int64)}
        return of.FeaturesDict({self.video: of.Sequence(of.Text()), self.text: text[self.kind]})


def _layout(place: Path) -> _Layout:
    """Finds the video and what tells it in a set's description of itself."""
    described = json.loads((place / "features.json").read_text(encoding="utf-8"))
    features = described.get("featuresDict", {}).get("features", {})
    kinds = {name: _kind(feature) for name, feature in features.items()}
    videos = [name for name, kind in kinds.items() if kind == "video"]
    told = [
        name for wanted in ("text", "texts", "class") for name in kinds if kinds[name] == wanted
    ]
    if not videos or not told:
        raise DataMissing(
            f"expected a set of videos with texts or classes; {place} has {sorted(features)}. "
            "Name another set."
        )
    return _Layout(videos[0], told[0], kinds[told[0]])


def _kind(feature: Mapping[str, Any]) -> str:
    own = feature.get("pythonClassName", "").rpartition(".")[2]
    inner = feature.get("sequence", {}).get("feature", {})
    inner = inner.get("pythonClassName", "").rpartition(".")[2]
    if own == "Video" or (own == "Sequence" and inner == "Image"):
        return "video"
    return {("Text", ""): "text", ("Sequence", "Text"): "texts", ("ClassLabel", ""): "class"}.get(
        (own, inner), ""
    )


def _resized(place: Path, split: str, layout: _Layout, shape: tuple[int, ...]) -> Path:
    """The folder with the split's small clips and its texts, made if it is not there."""
    target = place / f"clips-{split}-{'x'.join(map(str, shape))}"
    return made_once(target, lambda folder: _write(folder, place, split, layout, shape))


def _write(folder: Path, place: Path, split: str, layout: _Layout, shape: tuple[int, ...]) -> None:
    files = sorted(map(str, place.glob(f"*-{split}.array_record*")))
    told = []
    with rows_written(folder / "clips.npy", shape) as add:
        for frames, texts in _told(files, layout, place, split):  # one at a time: a set is large
            add(small_clip(frames, shape))
            told.append(texts)
    (folder / "texts.json").write_text(json.dumps(told), encoding="utf-8")


def _told(
    files: Sequence[str], layout: _Layout, place: Path, split: str
) -> Iterator[tuple[list[bytes], list[tuple[str, ...]]]]:
    """Of each video that is told, its frames and the words of its texts."""
    source, features = ArrayRecordDataSource(files), layout.features
    names = place / f"{layout.text}.labels.txt"
    classes = names.read_text(encoding="utf-8").splitlines() if names.exists() else []
    for number in track(range(len(source)), f"making {split} smaller"):
        record = features.deserialize_example_np(source[number])
        told = record[layout.text]
        if layout.kind == "class":
            texts = [tuple(part.lower() for part in _PART.findall(classes[told]))]
        else:
            listed = [told] if layout.kind == "text" else told
            texts = [words_of(text.decode("utf-8", "replace")) for text in listed]
        texts = [words for words in texts if words]
        if texts and len(record[layout.video]):
            yield record[layout.video], texts


def small_clip(frames: Sequence[bytes], shape: tuple[int, ...]) -> np.ndarray:
    """Files of pictures as a clip, uint8 [T, S, S, channels]: the middle squares of T of them."""
    count, size, _, channels = shape
    chosen = [resize(frames[place], size) for place in at_even_distances(count, len(frames))]
    if channels == 3:
        return np.stack(chosen)
    return np.stack([np.asarray(Image.fromarray(each).convert("L"))[..., None] for each in chosen])


def at_even_distances(count: int, available: int) -> np.ndarray:
    """int [count]: the places of the frames that stand for a video, its first and last among them;
    some repeat where it has fewer.
    """
    return np.round(np.linspace(0, available - 1, count)).astype(int)


def _captioned(folder: Path) -> Captioned:
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    captions = tuple(tuple(map(tuple, listed)) for listed in texts)
    return Captioned(
        pictures=np.load(folder / "clips.npy", mmap_mode="r"),
        captions=captions,
        accepted=tuple(frozenset(map(" ".join, listed)) for listed in captions),
    )


def _with_validation(found: dict[str, Captioned]) -> dict[str, Captioned]:
    """The splits by nnarch's names; validation is cut from training where there is none.

    What a set does not tell of, such as clips that are parts of one film, may then be on both sides
    of that cut. Its test sets are its own.
    """
    named = {"validation" if split in VALIDATION else split: of for split, of in found.items()}
    if "validation" not in named:
        rows = np.arange(len(named["train"]))
        held = rows % HELD_OUT == HELD_OUT - 1 if len(rows) >= HELD_OUT else rows == rows[-1]
        named["validation"] = named["train"].take(rows[held])
        named["train"] = named["train"].take(rows[~held])
    return named
