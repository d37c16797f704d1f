"""Grid LSTM on tasks by rule: sums of numbers, sequences to repeat, parities.

Numbers are read a digit at a time and their sum is told a digit at a time (`addition`), symbols
are read and then told again (`memorisation`), by a Grid LSTM over time and depth; the parity of a
row of bits (`parity`) by one over depth alone. `--model.kind stacked` trains a stack of LSTMs on
the first two, `--model.kind feedforward` a feed-forward net on the last, with as many parameters
and the same samples. Samples are drawn anew without end, and none of the test set ever in training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from nnarch import report as page
from nnarch.data import sequences as data
from nnarch.data.examples import Batch
from nnarch.data.generated import GeneratedBatches
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.splits import Figures, Quoted
from nnarch.models.grid_lstm import GridLSTMConfig, sequence_model, vector_model
from nnarch.nn.parameters import Create, parameters_of
from nnarch.train import Loss, Task, TrainConfig, check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is drawn."""

    task: Literal["addition", "memorisation", "parity"] = "addition"
    """What is asked."""
    digits: int = 5
    """Of each number to be added."""
    length: int = 8
    """Symbols to be memorised."""
    symbols: int = 64
    """What they are chosen from."""
    bits: int = 12
    """Of which the parity is asked."""
    easier: float = 0.5
    """Share of sums and parities in training, and there alone, that are easier than those of the
    other splits: some digits are zeros, few bits are set. After the mixed difficulties of
    Zaremba and Sutskever 2014, "Learning to execute", arXiv 1410.4615."""
    batch_size: int = 16
    """Samples of a batch, over all devices."""
    validation: int = 1000
    """Samples to choose the best step by."""
    test: int = 5000
    """Samples of the test set."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class DecodeConfig:
    """How answers are told."""

    batch_size: int = 500
    """Samples that are answered at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=80_000,
    learning_rate=1e-2,
    warmup_steps=200,
    weight_decay=0.0,
    average=0.99,
    evaluate_every=1000,
    checkpoint_every=5000,
    log_every=500,
)
MODEL = GridLSTMConfig(hidden=96, layers=4, priority="depth")


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: GridLSTMConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


_PAPER = replace(TRAINING, learning_rate=1e-3, schedule="constant", evaluate_every=5000)
_PAPER_MODEL = GridLSTMConfig(priority="none")

PRESETS = {
    "default": Config(),
    "memorisation": Config(
        train=replace(TRAINING, steps=4000, learning_rate=5e-3, evaluate_every=100),
        model=GridLSTMConfig(hidden=64, layers=4),
        data=DataConfig(task="memorisation"),
    ),
    "parity": Config(
        train=replace(TRAINING, steps=30_000, learning_rate=3e-3),
        model=GridLSTMConfig(hidden=64, layers=6),
        data=DataConfig(task="parity", bits=32, batch_size=32),
    ),
    # What the paper trained on: 5 million samples at most, in batches of 15 and of 20, none easier.
    "paper_addition": Config(
        train=replace(_PAPER, steps=330_000),
        model=replace(_PAPER_MODEL, hidden=400, layers=18),
        data=DataConfig(digits=15, easier=0.0, batch_size=15),
    ),
    "paper_memorisation": Config(
        train=replace(_PAPER, steps=330_000),
        model=replace(_PAPER_MODEL, hidden=100, layers=43),
        data=DataConfig(task="memorisation", length=20, easier=0.0, batch_size=15),
    ),
    "paper_parity": Config(
        train=replace(_PAPER, steps=250_000),
        model=replace(_PAPER_MODEL, hidden=1500, layers=250),
        data=DataConfig(task="parity", bits=250, easier=0.0, batch_size=20),
    ),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    problems = _problems(config.data)
    trained = _problems(config.data, easier=config.data.easier)

    def validate(model: nnx.Module) -> Figures:
        samples = _samples(config.data, "validation")
        return _figures(answer(config, model, samples["inputs"]), samples["targets"])

    return Task(
        name="grid",
        create=_create(config),
        loss=partial(_loss, problems.classes),
        batches=GeneratedBatches(
            partial(data.draw_of, trained, "train"),
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="sequences",
        best_is="max",
    )


def _problems(config: DataConfig, *, easier: float = 0.0) -> data.Problems:
    problems = {
        "addition": data.Addition(config.digits, easier),
        "memorisation": data.Memorisation(config.length, config.symbols),
        "parity": data.Parity(config.bits, easier),
    }[config.task]
    data.check_enough(problems)
    return problems


def _create(config: Config) -> Create:
    problems = _problems(config.data)
    if config.data.task == "parity":
        return vector_model(config.model, bits=config.data.bits, classes=problems.classes)
    return sequence_model(config.model, classes=problems.classes)


def _loss(classes: int, model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    targets = batch["targets"]
    logits = model(batch["inputs"], targets.shape[1])
    lengths = jnp.full(len(targets), targets.shape[1])
    total, weight = masked_cross_entropy(logits, targets, lengths)
    right = jnp.all(jnp.argmax(logits, axis=-1) == targets, axis=1)
    rows = jnp.float32(len(targets))
    sequences = 100 * jnp.sum(right, dtype=jnp.float32)
    return Loss(total, weight, {"sequences": (sequences, rows)})


@cache
def _samples(config: DataConfig, split: str) -> Batch:
    """The same for every seed of training."""
    count = {"validation": config.validation, "test": config.test}[split]
    return data.draw_of(_problems(config), split, np.random.default_rng(0), count)


def answer(config: Config, model: nnx.Module, inputs: np.ndarray) -> np.ndarray:
    """What is told of each problem: int32 [N, R]."""
    asked = _samples(config.data, "validation")["targets"].shape[1]
    tell = partial(_told, asked)
    return over_batches(config.decode.batch_size, tell, model, {"inputs": inputs})


@partial(jax.jit, static_argnums=(0, 1))
def _told(asked: int, graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return jnp.argmax(nnx.merge(graph, state)(batch["inputs"], asked), axis=-1)


def _figures(told: np.ndarray, targets: np.ndarray) -> Figures:
    right = told == targets
    return {"sequences": 100 * right.all(axis=1).mean(), "symbols": 100 * right.mean()}


def evaluate(config: Config, model: nnx.Module) -> dict[str, Figures]:
    """Percent of sequences, and of symbols, that are right; and how large the net is."""
    samples = _samples(config.data, "test")
    figures = _figures(answer(config, model, samples["inputs"]), samples["targets"])
    size = {"thousand_parameters": parameters_of(_create(config)) / 1000}
    return {"test": {name: float(value) for name, value in figures.items()} | size}


def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """None that is not a run of its own."""
    return {}


def history(config: Config, rows: Sequence[Mapping[str, Any]]) -> dict[str, Figures]:
    """From the log: how many thousand samples validation took to be right for good, at every
    evaluation from there on.
    """
    points = _curve(config, rows)
    found = {"thousand_samples": float(points[-1, 0] / 1000)} if len(points) else {}
    for percent in (50, 90, 99):
        below = np.flatnonzero(points[:, 1] < percent)
        first = below[-1] + 1 if len(below) else 0
        if first < len(points):
            found[f"thousand_samples_to_{percent}"] = float(points[first, 0] / 1000)
    return {"learning": found}


def _curve(config: Config, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """[N, 2]: samples seen, and percent of validation's sequences that are right."""
    points = [
        (row["step"] * config.data.batch_size, row["sequences"])
        for row in rows
        if row.get("split") == "validation" and "sequences" in row
    ]
    return np.array(points, float).reshape(-1, 2)


def report(config: Config, model: nnx.Module, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: how fast it learnt, and what it tells."""
    run = page.read_run(workdir)
    samples = _samples(config.data, "test")
    told = answer(config, model, samples["inputs"])
    return page.write_report(
        workdir,
        title=f"Grid LSTM: {config.data.task}",
        introduction=INTRODUCTION,
        sections=[_compared(config, run, workdir), *_examples(config, samples, told)],
        highlights=_highlights(run.results),
        columns=COLUMNS,
        splits={"test": "Never seen", "learning": "Samples, thousands"},
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "A Grid LSTM has cells along depth as it has along time (Kalchbrenner, Danihelka and Graves "
    "2015). Its tasks are drawn by rule without end, and what is tested was never trained on."
)

COLUMNS = (
    page.Column("sequences", "sequences right, %", form="{:.2f}"),
    page.Column("symbols", "symbols right, %", form="{:.2f}"),
    page.Column("thousand_parameters", "thousand parameters", better="min"),
    page.Column("thousand_samples_to_50", "to 50 %", form="{:.0f}", better="min"),
    page.Column("thousand_samples_to_90", "to 90 %", form="{:.0f}", better="min"),
    page.Column("thousand_samples_to_99", "to 99 %", form="{:.0f}", better="min"),
    page.Column("thousand_samples", "in all", form="{:.0f}", better="min"),
)

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("sequences right", "test", "sequences"),
    Quoted("symbols right", "test", "symbols"),
    Quoted("thousand samples to 50 %", "learning", "thousand_samples_to_50"),
    Quoted("to 99 %", "learning", "thousand_samples_to_99"),
    Quoted("in all", "learning", "thousand_samples"),
    Quoted("thousand parameters", "test", "thousand_parameters"),
)


def _highlights(results: Mapping[str, Figures]) -> list[page.Highlight]:
    if "test" not in results:
        return []
    needed = results.get("learning", {}).get("thousand_samples_to_99")
    note = (
        "99 % of validation was not reached"
        if needed is None
        else (f"99 % of validation after {needed:.0f} thousand samples")
    )
    share = results["test"]["sequences"]
    return [page.Highlight(f"{share:.2f} %", "of sequences right from end to end", note)]


def _compared(config: Config, run: page.Run, workdir: Path) -> page.Section:
    """This run, and whatever was trained on the same task in folders beside it."""
    lines = {f"this run ({config.model.kind})": _curve(config, run.rows)}
    for name, other in runs_on(config.data, workdir, whatever=("test",)):
        lines[f"{name} ({other.config.get('model', {}).get('kind')})"] = _curve(config, other.rows)
    return page.compared_section(
        "Accuracy against samples",
        lines,
        across="samples seen",
        upward="sequences right, %",
        file="samples.png",
        note="On the validation split; beside it the runs in neighbouring folders that were "
        "trained on the same task.",
    )


def _examples(config: Config, samples: Batch, told: np.ndarray) -> list[page.Section]:
    """Some answers that are right, and some that are wrong."""
    show = _problems(config.data).show
    right = (told == samples["targets"]).all(axis=1)
    sections = []
    for title, places in (("Right", np.flatnonzero(right)), ("Wrong", np.flatnonzero(~right))):
        rows = [
            [show(each[place]) for each in (samples["inputs"], samples["targets"], told)]
            for place in places[:8]
        ]
        note = f"{len(places)} of {len(told)}" + (f", of which {len(rows)}." if rows else ".")
        sections.append(page.rows_section(title, ("read", "asked", "told"), rows, note=note))
    return sections
