"""The tensorflow-datasets builder of the emoji (it needs no TensorFlow), and its reader."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image
from rich.progress import track

from nnarch.data.captions import Captioned
from nnarch.data.emoji.artists import TRAINED, UNSEEN, Artist, Drawings, draw
from nnarch.data.emoji.names import Name, all_names
from nnarch.data.emoji.splits import SplitSizes, cut
from nnarch.data.fetch import DataMissing
from nnarch.data.prepared import data_folder, own_progress_bar_alone, prepared, read

SEED = 1  # of the choice of what is held out
SPLITS = ("train", "validation", "composed", "new_artist", "new")
DETAILS = ("name", "artist", "emoji", "code_points", "base", "tone", "gender", "digest")


@dataclass
class EmojiConfig(tfds.core.BuilderConfig):
    """The size of the pictures in pixels, and how much is held out."""

    size: int = 48
    held_out: SplitSizes = field(default_factory=SplitSizes)


@dataclass(frozen=True)
class Picture:
    """A drawn emoji: a PNG file's bytes, and the SHA-256 of its pixels."""

    png: bytes
    digest: str

    @classmethod
    def of(cls, image: Image.Image) -> "Picture":
        """Writes the image as PNG."""
        stream = io.BytesIO()
        image.save(stream, "PNG", compress_level=1)
        return cls(stream.getvalue(), hashlib.sha256(image.tobytes()).hexdigest())


class Emoji(tfds.core.GeneratorBasedBuilder):
    """Emoji by four artists with their names; see splits.py for what is held out."""

    # Prepared sets are found by it: raise it whenever the pictures or the splits change.
    VERSION = tfds.core.Version("1.1.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 - tensorflow-datasets wants a list
        EmojiConfig(name=f"pixels{size}", size=size, description=f"{size}x{size} pixels, on white")
        for size in (48, 64)
    ]

    # tensorflow-datasets 4.9.10 finds this file by a package that it does not require.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        picture = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            description=_description(),
            license="; ".join(f"{artist.name}: {artist.licence}" for artist in _artists()),
            features=tfds.features.FeaturesDict(
                {"picture": picture} | {name: tfds.features.Text() for name in DETAILS}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        names, size = all_names(), self.builder_config.size
        pictures = _draw_all(names, size)
        trained = {artist.name: pictures[artist.name] for artist in TRAINED}
        digests = [
            {key: picture.digest for key, picture in drawn.items()} for drawn in trained.values()
        ]
        shown = {key: name for key, name in names.items() if any(key in d for d in digests)}
        keys = cut(shown, digests, sizes=self.builder_config.held_out, seed=SEED)
        split_of = {
            split: self._generate_examples(trained, names, held) for split, held in keys.items()
        }
        unseen = {UNSEEN.name: pictures[UNSEEN.name]}
        split_of["new_artist"] = self._generate_examples(unseen, names, keys["train"])
        return split_of

    def _generate_examples(
        self,
        pictures: Mapping[str, Mapping[str, Picture]],
        names: Mapping[str, Name],
        keys: Sequence[str],
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for artist, drawn in pictures.items():
            for key in keys:
                if key in drawn:
                    yield f"{artist}-{key}", _example(artist, names[key], drawn[key])


def _artists() -> tuple[Artist, ...]:
    return (*TRAINED, UNSEEN)


def _description() -> str:
    sources = "\n".join(
        f"- {artist.name}: {artist.source}, licence {artist.licence}" for artist in _artists()
    )
    return (
        "Emoji with their English Unicode names (from the Python package emoji), drawn by several "
        f"artists:\n{sources}\n{UNSEEN.name} stands in the split new_artist alone. An emoji is on "
        "one side with all its drawings; no picture of a test split stands in another split."
    )


def _draw_all(names: Mapping[str, Name], size: int) -> dict[str, dict[str, Picture]]:
    """The pictures of each artist by code points, with a progress bar."""
    drawings = _all_drawings()
    work = [(artist, key) for artist, drawn in drawings.items() for key in names if key in drawn]
    pictures: dict[str, dict[str, Picture]] = {artist: {} for artist in drawings}
    for artist, key in track(work, "drawing emoji"):
        pictures[artist][key] = Picture.of(draw(drawings[artist][key], size))
    return pictures


def _all_drawings() -> dict[str, Drawings]:
    """Tells of everything that is missing at once, for who has to carry it over by hand."""
    drawings, missing = {}, []
    for artist in _artists():
        try:
            drawings[artist.name] = artist.drawings()
        except DataMissing as error:
            missing.append(str(error))
    if missing:
        raise DataMissing("\n".join(missing))
    return drawings


def _example(artist: str, name: Name, picture: Picture) -> dict[str, Any]:
    return {
        "picture": io.BytesIO(picture.png),
        "name": name.name,
        "artist": artist,
        "emoji": name.text,
        "code_points": name.code_points,
        "base": name.base,
        "tone": name.tone,
        "gender": name.gender,
        "digest": picture.digest,
    }


def load(
    *, size: int = 48, folder: Path | str | None = None, splits: Sequence[str] | None = None
) -> dict[str, Captioned]:
    """The splits of the emoji, drawn first where that has not been done.

    Details are "name", "artist", "emoji", "code_points", "base", "tone", "gender" and "digest". A
    picture's accepted names are those of every emoji whose picture is the same to the byte.

    Raises:
      ValueError: there is no such size or split.
      nnarch.data.fetch.DataMissing: an artist's drawings are not there and cannot be fetched.
    """
    sizes = sorted(config.size for config in Emoji.BUILDER_CONFIGS)
    if size not in sizes:
        raise ValueError(f"expected emoji of one of {sizes} pixels; got {size}. Choose one.")
    if unknown := set(splits or ()) - set(SPLITS):
        raise ValueError(f"expected splits among {SPLITS}; got {sorted(unknown)}. Name those.")
    place = data_folder(folder)
    with own_progress_bar_alone():
        builder = prepared(lambda: Emoji(config=f"pixels{size}", data_dir=place), place)
    # Every split is read: names are accepted by the pictures of all of them.
    records = {split: _records(builder, split) for split in SPLITS}
    accepted = defaultdict(set)
    for record in chain.from_iterable(records.values()):
        accepted[record["digest"]].add(record["name"])
    return {split: _captioned(records[split], accepted) for split in splits or SPLITS}


def _records(builder: Emoji, split: str) -> list[dict[str, Any]]:
    records = read(builder, split, encoded="picture")
    return [
        {"picture": record["picture"]} | {name: record[name].decode() for name in DETAILS}
        for record in records
    ]


def _captioned(records: Sequence[dict], accepted: Mapping[str, set[str]]) -> Captioned:
    pictures = [np.asarray(Image.open(io.BytesIO(record["picture"]))) for record in records]
    return Captioned(
        pictures=np.stack(pictures),
        captions=tuple((tuple(record["name"].split()),) for record in records),
        accepted=tuple(frozenset(accepted[record["digest"]]) for record in records),
        details={name: tuple(record[name] for record in records) for name in DETAILS},
    )
