"""What experiments on captioned pictures share: what is read, how it is changed, test sets."""

import difflib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jax import Array

from nnarch.data import captions as data
from nnarch.data.captions import Captioned
from nnarch.data.vocabulary import Vocabulary
from nnarch.signal.pictures import augment
from nnarch.train import check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: Literal["emoji", "coco_captions"] = "emoji"
    """The set of captioned pictures."""
    artists: tuple[str, ...] = ()
    """Emoji: of openmoji, twemoji and noto, those to train on, and to test with but for
    `new_artist`; all if none is named."""
    size: int = 48
    """Pixels a side."""
    batch_size: int = 32
    """Pictures of a batch, over all devices."""
    buckets: int = 1
    """Lengths that batches are padded to. Keep to one where captions of one length show one kind of
    picture, as with emoji: batch normalisation then sees another distribution in each batch than in
    evaluation, and little is learnt."""
    rarest_word: int = 1
    """How often training has to show a word that is to be known."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class AugmentationConfig:
    """How far training changes a picture; see nnarch.signal.pictures.augment."""

    shift: float = 2.0
    """Farthest that it is moved along each axis, in pixels."""
    scale: float = 0.05
    """Largest share by which it grows or shrinks."""
    brightness: float = 0.03
    """Most that is added to all its values, which go from 0 to 1."""
    contrast: float = 0.05
    """Largest share by which they move away from their mean, or towards it."""
    channels: float = 0.0
    """Largest share by which each of its colours grows or shrinks."""


@cache
def read(config: DataConfig) -> tuple[dict[str, Captioned], Vocabulary]:
    """The splits, and the words of the training split."""
    splits = data.load(config.name, size=config.size, folder=config.folder or None)
    if config.artists:
        for name in {"train", "validation", "composed", "new"} & set(splits):
            splits[name] = splits[name].where("artist", config.artists)
    captions = [words for each in splits["train"].captions for words in each]
    return splits, Vocabulary.of(captions, at_least=config.rarest_word)


def changed(config: AugmentationConfig, key: Array, pictures: Array) -> Array:
    """Pictures, uint8 [B, S, S, 3], as training sees them: float32, each changed in its own way."""
    return augment(
        key,
        pictures,
        shift=config.shift,
        scale=config.scale,
        brightness=config.brightness,
        contrast=config.contrast,
        channels=config.channels,
    )


def compared(told: str, accepted: frozenset[str]) -> tuple[str, str, float]:
    """The accepted caption that is nearest in its words, what was told, and how near."""
    near = {
        right: difflib.SequenceMatcher(None, told.split(), right.split()).ratio()
        for right in sorted(accepted)
    }
    nearest_one = max(near, key=near.get)
    return nearest_one, told, near[nearest_one]


# Split -> what its pictures are called, and what is to be known of them.
TEST_SETS = {
    "composed": (
        "Known parts, put together anew",
        "Combinations of someone, a skin tone and a gender that training never showed together.",
    ),
    "new_artist": (
        "Drawn by an artist never seen",
        "Fluent's drawings of what the other artists' drawings taught.",
    ),
    "new": (
        "Things never seen",
        "Seven in ten of these names hold a word that no training name holds.",
    ),
    "test": ("Photographs never seen", ""),
}
