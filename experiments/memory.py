"""Why recurrence, and why gates: what was read 10, 20, 100 or 400 steps before has to be told.

Two marked numbers are to be added (`--data.task adding`, the default), symbols to be told again
after a gap (`copy`), bits to be counted to odd or even (`parity`). LSTM, GRU, Elman nets with
full and truncated back-propagation through time, and a feed-forward net on a window of frames
(`--model.kind`) have as many parameters and see as many samples. Each batch is of one distance and
all distances are trained at once, so that short ones help long ones to be learnt.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._batches import over_batches
from experiments._beside import runs_on
from experiments._remembered import Remembered, remembered_sections, samples_curve
from nnarch import report as page
from nnarch import train
from nnarch.data import memory_problems as data
from nnarch.data.examples import Batch
from nnarch.data.generated import GeneratedBatches
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.splits import Figures, Quoted
from nnarch.models.memory_net import (
    MemoryNetConfig,
    RecurrentNet,
    Sizes,
    memory_net,
    state_gradients,
)
from nnarch.nn.parameters import Create, parameters_of
from nnarch.train import Loss, Task, TrainConfig, check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is drawn."""

    task: Literal["adding", "copy", "parity"] = "adding"
    """What is asked."""
    distances: tuple[int, ...] = (10, 20, 100, 400)
    """How far back it was read."""
    easier: tuple[int, ...] = ()
    """Distances that are trained beside these, and not tested."""
    batch_size: int = 32
    """Samples of a batch, over all devices; all of one distance."""
    validation: int = 500
    """Samples of each distance to choose the best step by."""
    test: int = 2000
    """Samples of each distance in the test set."""
    probes: int = 64
    """Validation samples, of the longest distance, whose gradients are measured."""

    def __post_init__(self) -> None:
        """Refuses what leaves nothing to ask."""
        check_counts(self)
        if not self.distances or min(self.distances + self.easier) < 2:
            raise ValueError(
                f"distances are two steps or more; got {self.distances} and {self.easier}. "
                "Name at least one distance."
            )


@dataclass(frozen=True)
class DecodeConfig:
    """How problems are answered."""

    batch_size: int = 500
    """Problems that are answered at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=10_000,
    learning_rate=3e-3,
    warmup_steps=200,
    weight_decay=0.0,
    average=0.99,
    evaluate_every=250,
    checkpoint_every=5000,
    log_every=500,
)


MODEL = MemoryNetConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: MemoryNetConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {
    "default": Config(),
    "copy": Config(data=DataConfig(task="copy")),
    "parity": Config(data=DataConfig(task="parity", easier=(2, 5))),
}

_PROBLEMS: Mapping[str, Callable[[int], data.Problems]] = {
    "adding": data.Adding,
    "copy": data.Copying,
    "parity": data.Parity,
}
# Error of the answer that is best for who has read nothing, and below which a task is solved. For
# adding it is a thousand times the mean squared error, for the others the percentage of symbols.
GUESSING = {"adding": 1000 / 6, "copy": 100 * 7 / 8, "parity": 50.0}
SOLVED = {"adding": 10.0, "copy": 1.0, "parity": 1.0}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    first, *others = (
        _problems(config.data, distance).draw
        for distance in (*config.data.distances, *config.data.easier)
    )
    return Task(
        name="memory",
        create=_create(config),
        loss=partial(_loss, _problems(config.data).answer),
        batches=GeneratedBatches(
            first,
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
            others=tuple(others),
        ),
        validate=partial(_validate, config),
        best="error",
        best_is="min",
    )


def _problems(config: DataConfig, distance: int | None = None) -> data.Problems:
    """At a distance, the longest one if none is named."""
    return _PROBLEMS[config.task](distance or max(config.distances))


def _create(config: Config) -> Create:
    problems = _problems(config.data)
    sizes = Sizes(problems.features, problems.outputs, problems.asked)
    return memory_net(config.model, sizes)


def _loss(answer: str, model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    total = _total_loss(answer, model(batch["inputs"]), batch["targets"])
    return Loss(total, jnp.float32(batch["targets"].size), {})


def _total_loss(answer: str, told: Array, targets: Array) -> Array:
    """told [B, R, outputs], targets [B, R] -> []: squared errors, or cross-entropies."""
    if answer == "number":
        return jnp.sum(jnp.square(told[..., 0].astype(jnp.float32) - targets))
    return masked_cross_entropy(told, targets, jnp.full(len(targets), targets.shape[1])).total


def _validate(config: Config, model: nnx.Module) -> Figures:
    errors = {
        f"error_{distance}": _error(config, model, "validation", distance)
        for distance in config.data.distances
    }
    return {"error": float(np.mean([*errors.values()])), **errors, **_reach(config, model)}


@cache
def _samples(config: DataConfig, split: str, distance: int) -> Batch:
    """The same for every seed of training."""
    count = {"validation": config.validation, "test": config.test}[split]
    return data.held_out(_problems(config, distance), split, count)


def _error(config: Config, model: nnx.Module, split: str, distance: int) -> float:
    """A thousand times the mean squared error, or the percentage of what is told wrong."""
    samples = _samples(config.data, split, distance)
    told, targets = answer(config, model, samples["inputs"]), samples["targets"]
    if _problems(config.data).answer == "number":
        return float(1000 * np.mean(np.square(told[..., 0] - targets, dtype=np.float64)))
    return float(100 * np.mean(np.argmax(told, axis=-1) != targets))


def answer(config: Config, model: nnx.Module, inputs: np.ndarray) -> np.ndarray:
    """What is told of each problem: float32 [N, R, outputs], numbers or scores of classes."""
    size = min(config.decode.batch_size, len(inputs))
    return over_batches(size, _told, model, {"inputs": inputs})


@partial(jax.jit, static_argnums=0)
def _told(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return nnx.merge(graph, state)(batch["inputs"])


def reach(config: Config, model: nnx.Module) -> np.ndarray:
    """How much of the gradient reaches back, in powers of ten: float64 [T + 1].

    The norm of the gradient of the loss at the last step with regard to the state t steps before,
    over that with regard to the last one, for problems of the longest distance. None of a net that
    has no state. What is below 1e-38, float32's smallest, counts as that.
    """
    if not isinstance(model, RecurrentNet):
        return np.zeros(0)
    longest = max(config.data.distances)
    samples = _samples(config.data, "validation", longest)
    probes = {name: values[: config.data.probes] for name, values in samples.items()}
    kind = _problems(config.data).answer
    gradients = np.asarray(_gradients(*nnx.split(model), kind, **probes), np.float64)
    norms = np.linalg.norm(gradients.reshape(len(gradients), -1), axis=1)
    return np.log10(np.maximum(norms / max(norms[0], 1e-38), 1e-38))


@partial(jax.jit, static_argnums=(0, 2))
def _gradients(
    graph: nnx.GraphDef, state: nnx.State, kind: str, inputs: Array, targets: Array
) -> Array:
    def loss(told: Array) -> Array:
        return _total_loss(kind, told[:, None], targets[:, -1:])

    return state_gradients(nnx.merge(graph, state), inputs, loss)


def _reach(config: Config, model: nnx.Module) -> Figures:
    found = reach(config, model)
    return {f"reach_{t}": float(found[t]) for t in config.data.distances if t < len(found)}


def untrained(config: Config) -> nnx.Module:
    """The net that a run begins with."""
    return train.untrained(build(config), config.train)


def evaluate(config: Config, model: nnx.Module) -> dict[str, Figures]:
    """By distance: the error, and how much of the gradient reaches back, at the start and now."""
    start, now = _reach(config, untrained(config)), _reach(config, model)
    figures = {}
    for distance in config.data.distances:
        found = {"error": _error(config, model, "test", distance)}
        if f"reach_{distance}" in now:
            found |= {
                "reach_at_start": start[f"reach_{distance}"],
                "reach": now[f"reach_{distance}"],
            }
        figures[f"distance_{distance}"] = found
    return figures


def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """The answer that is best for who has read nothing; what else there is are runs."""
    error = GUESSING[config.data.task]
    return {"guessing": {f"distance_{d}": {"error": error} for d in config.data.distances}}


def history(config: Config, rows: Sequence[Mapping[str, Any]]) -> dict[str, Figures]:
    """From the log: after how many thousand samples, of all distances, each was first solved."""
    found = {"thousand_parameters": parameters_of(_create(config)) / 1000}
    for distance in config.data.distances:
        points = samples_curve(rows, f"error_{distance}", config.data.batch_size)
        solved = points[points[:, 1] < SOLVED[config.data.task], 0]
        if len(points):
            found["thousand_samples"] = float(points[-1, 0] / 1000)
        if len(solved):
            found[f"to_solve_{distance}"] = float(solved[0] / 1000)
    return {"learning": found}


def report(config: Config, model: nnx.Module, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: what it remembers, and how far gradients reach."""
    own, others = page.read_run(workdir), dict(_others(config, workdir))
    beside = {name: run.results for name, run in others.items()}
    shown = Remembered(
        runs={f"this run ({config.model.kind})": own, **others},
        distances=config.data.distances,
        guessing=GUESSING[config.data.task],
        batch_size=config.data.batch_size,
        reach_at_start=reach(config, untrained(config)),
        reach=reach(config, model),
    )
    return page.write_report(
        workdir,
        title=f"Memory: {config.data.task}",
        introduction=INTRODUCTION,
        sections=remembered_sections(shown),
        highlights=_highlights(config, own.results),
        baselines={**beside, **baselines(config)},
        columns=COLUMNS,
        splits={f"distance_{d}": f"{d} steps back" for d in config.data.distances},
        results_note=ERRORS[config.data.task],
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "What was read long before has to be told at the end. Nets of one size, trained on as many "
    "samples of all distances at once, differ in how they carry it there, and in how the gradient "
    "comes back."
)

ERRORS = {
    "adding": "The error is a thousand times the mean squared error of the sum; below 10 the "
    "distance counts as solved.",
    "copy": "The error is the percentage of symbols told wrong; below 1 the distance counts as "
    "solved.",
    "parity": "The error is the percentage of parities told wrong; below 1 the distance counts as "
    "solved.",
}

COLUMNS = (
    page.Column("error", "error", form="{:.2f}", better="min"),
    page.Column("reach_at_start", "gradient that reaches back, power of ten: at the start"),
    page.Column("reach", "trained"),
)

DECIMALS = 2  # of the figures that are quoted
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    *(Quoted(f"error at {d}", f"distance_{d}", "error") for d in DataConfig().distances),
    *(Quoted(f"to solve {d}", "learning", f"to_solve_{d}") for d in (100, 400)),
    Quoted("thousand samples", "learning", "thousand_samples"),
    Quoted("gradient 400 back, at the start", "distance_400", "reach_at_start"),
    Quoted("trained", "distance_400", "reach"),
)


def _others(config: Config, workdir: Path) -> Iterator[tuple[str, page.Run]]:
    """Whatever was trained on the same task in folders beside this one, and evaluated."""
    for name, run in runs_on(config.data, workdir, whatever=("test", "probes")):
        if run.results:
            yield f"{name} ({run.config.get('model', {}).get('kind')})", run


def _highlights(config: Config, results: Mapping[str, Figures]) -> list[page.Highlight]:
    longest = max(config.data.distances)
    found = results.get(f"distance_{longest}")
    if found is None:
        return []
    needed = results.get("learning", {}).get(f"to_solve_{longest}")
    solved = "not solved" if needed is None else f"solved after {needed:.0f} thousand samples"
    guessing = f"{GUESSING[config.data.task]:.1f} by guessing; {solved}"
    shown = [page.Highlight(f"{found['error']:.2f}", f"error over {longest} steps", guessing)]
    if "reach" in found:
        value = f"10^{found['reach']:.1f}"
        note = f"10^{found['reach_at_start']:.1f} at the start"
        shown.append(page.Highlight(value, f"of the gradient reaches {longest} steps back", note))
    return shown
