"""Tissues of a brain: PyraMiD-LSTM on MRI, trained on volumes that are drawn from maps alone.

Trained on are volumes of random shape, contrast, bias field and noise, drawn from maps of the
tissues of one averaged brain (see nnarch.data.brain); no real picture is ever trained or validated
on. Asked are grey matter, white matter and fluid of the T1 picture of that brain, as it is
(`clean`) and with noise and a bias field over it (`degraded`). Labels and picture are of one
anatomy: what is tested is reading an unknown scanner's picture, not an unknown brain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array
from jax.sharding import Mesh

from experiments._drawn_volumes import DrawingConfig, draw, draw_to_validate
from nnarch import report as page
from nnarch.data import brain as data
from nnarch.data.brain import CLASSES, TISSUES, Brain
from nnarch.data.pipeline import Batches
from nnarch.metrics.dice import dice
from nnarch.metrics.gaussian_mixture import by_brightness
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.models.pyramid_lstm import PyramidLSTM, PyramidLSTMConfig
from nnarch.models.unet import UNet, UNetConfig
from nnarch.signal.blocks import Blend, block_starts, cut
from nnarch.signal.volumes import normalised
from nnarch.train import (
    Loss,
    MeshConfig,
    Task,
    TrainConfig,
    at_least,
    check_counts,
    make_mesh,
)
from nnarch.train.sharding import replicated, rows


@dataclass(frozen=True)
class DataConfig:
    """What is drawn from, and the blocks that are trained on."""

    millimetres: int = 2
    """A voxel's side."""
    size: int = 32
    """Voxels a side of a block."""
    margin: int = 8
    """Voxels around a block that deformation may move in."""
    batch_size: int = 2
    """Blocks of a batch, over all devices."""
    validation: int = 48
    """Blocks that the best step is chosen on."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        at_least(self, 1, "millimetres", "size", "batch_size", "validation")
        at_least(self, 0, "margin")


@dataclass(frozen=True)
class DecodeConfig:
    """How a whole volume is read."""

    step: int = 16
    """Voxels from one block to the next."""
    batch_size: int = 8
    """Blocks that are read at once; brought up to a multiple of the devices."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


PYRAMID = PyramidLSTMConfig()
UNET = UNetConfig()
DRAWING = DrawingConfig()
TRAINING = TrainConfig(
    steps=3000,
    learning_rate=5e-3,
    warmup_steps=100,
    weight_decay=0.01,
    average=0.995,
    evaluate_every=500,
    checkpoint_every=250,
)


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    net: Literal["pyramid", "unet"] = "pyramid"
    """Which net is trained."""
    pyramid: PyramidLSTMConfig = PYRAMID
    unet: UNetConfig = UNET
    data: DataConfig = DataConfig()
    drawing: DrawingConfig = DRAWING
    decode: DecodeConfig = DecodeConfig()


PRESETS = {
    "default": Config(),
    "unet": Config(  # its step takes a quarter longer: as many as take the same time
        train=replace(TRAINING, steps=2400, learning_rate=1e-2),
        net="unet",
        unet=UNetConfig(norm="instance"),
    ),
    "hour": Config(
        train=replace(TRAINING, steps=6000, evaluate_every=600, checkpoint_every=600),
        pyramid=PyramidLSTMConfig(hidden=(12, 12), dense=24),
    ),
    "one_mm": Config(
        train=replace(TRAINING, steps=4000, evaluate_every=500, checkpoint_every=500),
        data=DataConfig(millimetres=1, size=40, margin=12),
        drawing=DrawingConfig(bend=4.0),
        decode=DecodeConfig(step=24),
    ),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    size, margin = config.data.size, config.data.margin
    blocks = data.windows(_read(config.data.millimetres), size=size, margin=margin)
    drawn = Batches(blocks, config.data.validation, seed=VALIDATION_SEED).batch(0)

    return Task(
        name="segmentation",
        create=partial(_create, config),
        loss=partial(_loss, config),
        batches=Batches(
            blocks,
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=partial(_validate, config, drawn["shares"]),
        best="dice",
        best_is="max",
    )


VALIDATION_SEED = 2**20  # no run is trained with it
DICE_WEIGHT = 0.5  # of the loss, beside a voxel's cross-entropy


def _create(config: Config, key: Array) -> nnx.Module:
    if config.net == "unet":
        return UNet(config.unet, classes=CLASSES, key=key)
    return PyramidLSTM(config.pyramid, classes=CLASSES, key=key)


@cache
def _read(millimetres: int) -> Brain:
    return data.load(millimetres)


def _loss(config: Config, model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    volumes, labels = draw(config.drawing, key, batch["shares"], size=config.data.size)
    log_probs = jax.nn.log_softmax(model(volumes).astype(jnp.float32))
    truth = jax.nn.one_hot(labels, CLASSES)
    cross_entropy = -jnp.sum(truth * log_probs)
    voxels = jnp.float32(labels.size)
    right = jnp.sum(jnp.argmax(log_probs, axis=-1) == labels, dtype=jnp.float32)
    total = cross_entropy + DICE_WEIGHT * voxels * _dice_loss(jnp.exp(log_probs), truth)
    return Loss(total, voxels, {"accuracy": (right, voxels)})


def _dice_loss(probabilities: Array, truth: Array) -> Array:
    """1 less the mean over tissues of Dice's coefficient, of probabilities [..., classes].

    Source: Milletari et al. 2016, "V-Net", arXiv 1606.04797, with sums in place of squares.
    """
    axes = tuple(range(truth.ndim - 1))
    common = jnp.sum(probabilities * truth, axes)
    both = jnp.sum(probabilities, axes) + jnp.sum(truth, axes)
    return 1 - jnp.mean(((2 * common + 1) / (both + 1))[1:])  # 1: a block may lack a tissue


def _validate(config: Config, shares: np.ndarray, model: nnx.Module) -> Figures:
    """Dice over drawn blocks: clean, and the same with a bias field and noise."""
    figures = {
        f"dice_{name}": _validation_dice(config, shares, model, strength)
        for name, strength in (("clean", 0.0), ("degraded", 1.0))
    }
    return {"dice": sum(figures.values()) / 2, **figures}


def _validation_dice(config: Config, shares, model: nnx.Module, strength: float) -> float:
    graph, state = nnx.split(model)
    size, found = config.decode.batch_size, []
    for first in range(0, len(shares), size):
        key = jax.random.fold_in(jax.random.key(VALIDATION_SEED), first)
        block = shares[first : first + size]
        found.append(_validation_blocks(config, strength, graph, state, block, key))
    labels, truth = (
        np.concatenate([np.asarray(a) for a in each]) for each in zip(*found, strict=True)
    )
    return float(100 * dice(labels, truth, CLASSES)[1:].mean())


@partial(jax.jit, static_argnums=(0, 1, 2))
def _validation_blocks(config: Config, strength: float, graph, state, shares, key):
    pictures, labels = draw_to_validate(
        config.drawing, key, shares, size=config.data.size, strength=strength
    )
    return jnp.argmax(nnx.merge(graph, state)(pictures), axis=-1), labels


class Scan(NamedTuple):
    """A picture to segment, and the truth."""

    picture: np.ndarray  # float32 [X, Y, Z]
    labels: np.ndarray  # uint8 [X, Y, Z]


def probabilities(config: Config, model: nnx.Module, picture: np.ndarray) -> np.ndarray:
    """What each voxel of a whole picture is: overlapping blocks, blended.

    The blocks are spread over all devices.

    Args:
      config: of the run.
      model: in evaluation mode.
      picture: [X, Y, Z], axes to the right, to the front and up, voxels of `data.millimetres`; any
        sizes and brightnesses, dark around the brain.

    Returns:
      float32 [X, Y, Z, classes].

    Raises:
      ValueError: the picture holds one brightness alone, or something that is no number.
    """
    size, step = config.data.size, config.decode.step
    mesh = make_mesh(MeshConfig())
    per_batch = -(-config.decode.batch_size // mesh.size) * mesh.size
    unit = normalised(picture)
    padded = np.pad(unit, [(0, max(0, size - side)) for side in unit.shape])
    starts = block_starts(padded.shape, size=size, step=step)
    graph, state = nnx.split(model)
    state = jax.device_put(state, replicated(mesh))
    read = _reader(graph, mesh)
    blend = Blend(padded.shape, CLASSES, size=size)
    for first in range(0, len(starts), per_batch):
        mine = starts[first : first + per_batch]
        blocks = cut(padded, [*mine, *mine[-1:] * (per_batch - len(mine))], size=size)
        found = np.asarray(read(state, jax.device_put(blocks, rows(mesh))))
        for start, block in zip(mine, found, strict=False):
            blend.add(start, block)
    x, y, z = unit.shape
    return blend.mean()[:x, :y, :z]


@cache
def _reader(graph: nnx.GraphDef, mesh: Mesh) -> Callable[[nnx.State, Array], Array]:
    """Compiled once: blocks [B, size, size, size] -> probabilities, whole on every device."""

    def read(state: nnx.State, blocks: Array) -> Array:
        return jax.nn.softmax(nnx.merge(graph, state)(blocks).astype(jnp.float32))

    return jax.jit(read, out_shardings=replicated(mesh))


def segment(config: Config, model: nnx.Module, picture: np.ndarray) -> np.ndarray:
    """uint8 [X, Y, Z]: the likeliest class of each voxel; arguments as of `probabilities`."""
    return probabilities(config, model, picture).argmax(axis=-1).astype(np.uint8)


@cache
def _scans(millimetres: int) -> dict[str, Scan]:
    brain = _read(millimetres)
    pictures = {"clean": brain.picture, "degraded": data.degraded(brain)}
    return {name: Scan(picture, brain.labels) for name, picture in pictures.items()}


def evaluate(config: Config, model: nnx.Module) -> dict[str, Figures]:
    """Dice of each tissue and their mean on the real T1 picture, clean and degraded, in percent."""
    return over_tests(
        _scans(config.data.millimetres),
        lambda scan: _figures(segment(config, model, scan.picture), scan.labels),
    )


def _figures(found: np.ndarray, truth: np.ndarray) -> Figures:
    of_tissues = 100 * dice(found, truth, CLASSES)[1:]
    figures = {"dice": float(of_tissues.mean())}
    return figures | {
        f"dice_{tissue.split()[0]}": float(value)
        for tissue, value in zip(TISSUES, of_tissues, strict=True)
    }


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: mixtures of Gaussians, one for each tissue, on brightness.

    "Gaussian mixture" is the best of all on each test: fitted to the whole picture with a fourth
    component for what lies around, or told the true outline of the brain; and on the picture as it
    is or smoothed, by as much as serves that test best. So it is chosen on the test, in its favour.
    """
    best = over_tests(_scans(config.data.millimetres), _best_mixture)
    return {"Gaussian mixture": best}


SMOOTHINGS = (0.0, 0.4, 0.6, 0.8)  # standard deviations in voxels


def _best_mixture(scan: Scan) -> Figures:
    tried = [
        _figures(
            by_brightness(scan.picture, classes=CLASSES, inside=inside, smoothing=smoothing),
            scan.labels,
        )
        for inside in (None, scan.labels > 0)
        for smoothing in SMOOTHINGS
    ]
    return max(tried, key=lambda figures: figures["dice"])


def report(config: Config, model: nnx.Module, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: what it finds in the real pictures, and where it errs."""
    run = page.read_run(workdir)
    beside = baselines(config)
    scans = _scans(config.data.millimetres)
    volumes = [
        page.Segmented(title, scans[name].picture, scans[name].labels, found)
        for name, title in TESTS.items()
        for found in (segment(config, model, scans[name].picture),)
    ]
    return page.write_report(
        workdir,
        title="Tissues of a brain",
        introduction=INTRODUCTION,
        sections=[page.slices_section("Slices", volumes, TISSUES, note=HOW_TO_READ)],
        highlights=page.highlights_beside(run.results, beside, HIGHLIGHTS),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, title in TESTS.items()},
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "Convolutional LSTMs move through a volume plane by plane, along each axis in both directions "
    "(PyraMiD-LSTM, Stollenga et al. 2015). The net was trained on volumes drawn from maps of an "
    "averaged brain's tissues, of random shape, contrast, bias field and noise. The pictures here "
    "are the real T1 picture of that brain, ICBM 152, which neither training nor validation saw."
)

HOW_TO_READ = (
    "A plane near the middle along each axis. On the right, voxels whose class is wrong: most lie "
    "where two tissues share a voxel and the label is the larger share's."
)

RESULTS_NOTE = (
    "Dice's coefficient of each tissue over the whole volume, in percent. Labels and picture are "
    "of one anatomy. The fluid is what the head's mask holds beside grey and white matter: thin, "
    "and mostly partial. The mixture is the best on each test of eight: within the true outline of "
    "the brain or over the whole picture, and with four strengths of smoothing."
)

# Test -> what its picture is called.
TESTS = {"clean": "The T1 picture", "degraded": "With noise and a bias field"}

COLUMNS = (
    page.Column("dice", "mean"),
    *(page.Column(f"dice_{tissue.split()[0]}", tissue) for tissue in TISSUES),
)

HIGHLIGHTS = {
    (test_name(test), "dice"): f"mean Dice: {title.lower()}" for test, title in TESTS.items()
}
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("clean: mean", "test_clean", "dice"),
    Quoted("fluid", "test_clean", "dice_fluid"),
    Quoted("grey", "test_clean", "dice_grey"),
    Quoted("white", "test_clean", "dice_white"),
    Quoted("noise and bias: mean", "test_degraded", "dice"),
    Quoted("fluid", "test_degraded", "dice_fluid"),
    Quoted("grey", "test_degraded", "dice_grey"),
    Quoted("white", "test_degraded", "dice_white"),
)
