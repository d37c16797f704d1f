"""Pictures drawn from words: alignDRAW, on handwritten digits whose captions say what and where.

A net learns to draw pictures of digits that it looks at, while it reads their caption, and then
draws from captions alone. Some combinations of digit and place are never seen in training. Tested
are the bound of -log p of pictures of digits that training never saw, and what a judge, a
convolutional net that was trained apart on real digits, reads in what was drawn.
`scripts/draw.py` draws what one asks a trained run for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._judge import JudgeConfig, judge, read_digits, read_pictures
from nnarch import report as page
from nnarch.data import captioned_digits as data
from nnarch.data.captioned_digits import Pages, Scene
from nnarch.data.examples import Batch
from nnarch.data.generated import GeneratedBatches
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.models.align_draw import AlignDraw, AlignDrawConfig, Redrawn
from nnarch.train import Loss, Task, TrainConfig, check_counts


@dataclass(frozen=True)
class DataConfig:
    """What is drawn from."""

    digits: int = 1
    """Of a picture: one at a corner, or two in a relation."""
    batch_size: int = 32
    """Pictures of a batch, over all devices."""
    validation: int = 512
    """Pictures that the best step is chosen on."""
    test: int = 1024
    """Pictures of each test set."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


JUDGE = JudgeConfig()


@dataclass(frozen=True)
class DecodeConfig:
    """How a run is evaluated."""

    batch_size: int = 128
    """Pictures that are drawn at once."""
    samples: int = 1024
    """Pictures that are drawn of each test set's captions, and judged."""
    judge: JudgeConfig = JUDGE

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


# Sixteen thousand batches of 32 train for about 15 minutes on one core of 200 GFLOP/s.
TRAINING = TrainConfig(
    steps=16_000,
    learning_rate=3e-3,
    warmup_steps=200,
    weight_decay=0.0,
    average=0.998,
    evaluate_every=1000,
    checkpoint_every=1000,
)
MODEL = AlignDrawConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: AlignDrawConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {
    "default": Config(),
    "unaligned": Config(model=replace(MODEL, words="last")),
    "wordless": Config(model=replace(MODEL, words="none")),
    "two_digits": Config(data=DataConfig(digits=2)),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    pages = Pages(read_digits(config.data.folder)["train"])
    seen = data.scenes(config.data.digits)["seen"]
    return Task(
        name="drawing",
        create=partial(_create, config.model),
        loss=_loss,
        batches=GeneratedBatches(
            lambda rng, count: pages.draw(rng, count, seen),
            config.data.batch_size,
            seed=config.train.seed,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=lambda model: _bound(config, model, _pictures(config.data, "validation", "seen")),
        best="nats",
        best_is="min",
    )


def _create(config: AlignDrawConfig, key: Array) -> AlignDraw:
    size = (data.SIZE, data.SIZE)
    return AlignDraw(config, vocabulary=len(data.VOCABULARY), size=size, key=key)


def _loss(model: AlignDraw, batch: dict[str, Array], key: Array) -> Loss:
    pictures = batch["picture"].astype(jnp.float32)
    redrawn = model.again(pictures, batch["tokens"], batch["lengths"], key=key)
    nats, told = jnp.sum(_nats(redrawn, pictures)), jnp.sum(redrawn.kl)
    weight = jnp.float32(len(pictures))
    return Loss(nats, weight, {"kl": (told, weight)})


def _nats(redrawn: Redrawn, pictures: Array) -> Array:
    """[B]: no less than -log p of each picture, in expectation over the latents."""
    logits = redrawn.drawn.canvas
    pixels = jax.nn.softplus(logits) - pictures * logits  # -log sigmoid, of the pixel or its rest
    return jnp.sum(pixels, axis=(1, 2)) + jnp.sum(redrawn.kl, axis=1)


@cache
def _pictures(config: DataConfig, split: str, part: str) -> Batch:
    """The same pictures for every seed of training."""
    count = {"validation": config.validation, "test": config.test}[split]
    pages = Pages(read_digits(config.folder)[split])
    return pages.draw(np.random.default_rng(0), count, data.scenes(config.digits)[part])


def _bound(config: Config, model: AlignDraw, pictures: Batch) -> Figures:
    """The bound in nats a picture, and the part of it that the latents tell."""
    found = _over_batches(config, _bounds, model, pictures)
    return {name: float(np.mean(values)) for name, values in found.items()}


@partial(jax.jit, static_argnums=0)
def _bounds(graph: nnx.GraphDef, state: nnx.State, key: Array, batch: dict[str, Array]):
    pictures = batch["picture"].astype(jnp.float32)
    redrawn = nnx.merge(graph, state).again(pictures, batch["tokens"], batch["lengths"], key=key)
    return {"nats": _nats(redrawn, pictures), "kl": jnp.sum(redrawn.kl, axis=1)}


def _over_batches(config: Config, run, model: AlignDraw, fields: Mapping[str, np.ndarray]) -> Batch:
    """What `run` gives of all rows; of the same rows always the same."""
    graph, state = nnx.split(model)
    size, count = config.decode.batch_size, len(fields["tokens"])
    found = []
    for start in range(0, count, size):
        batch = {name: rows[start : start + size] for name, rows in fields.items()}
        whole = {name: np.resize(rows, (size, *rows.shape[1:])) for name, rows in batch.items()}
        key = jax.random.fold_in(jax.random.key(0), start)
        found.append(jax.device_get(run(graph, state, key, whole)))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *found)


class Drawing(NamedTuple):
    """Pictures drawn from captions."""

    canvases: np.ndarray  # float32 [N, T, Y, X], the probability of white after each step
    shares: np.ndarray  # float32 [N, T, S], where each step looked; S = 0 if nowhere

    @property
    def pictures(self) -> np.ndarray:
        """uint8 [N, Y, X], 0 or 1: the likelier of both."""
        return (self.canvases[:, -1] > 0.5).astype(np.uint8)


def draw(config: Config, model: AlignDraw, captions: Sequence[str], *, seed: int = 0) -> Drawing:
    """Draws a picture for each caption; the same captions and seed give the same pictures.

    Raises:
      ValueError: a caption has words that none of training has.
    """
    fields = data.encode(captions, digits=config.data.digits)
    seeds = np.full(len(captions), seed, np.uint32)
    return Drawing(*_over_batches(config, _drawn, model, {**fields, "seed": seeds}))


@partial(jax.jit, static_argnums=0)
def _drawn(graph: nnx.GraphDef, state: nnx.State, key: Array, batch: dict[str, Array]):
    model = nnx.merge(graph, state)
    key = jax.random.fold_in(key, batch["seed"][0])
    drawn = model.anew(batch["tokens"], batch["lengths"], key=key)
    return jax.nn.sigmoid(model.canvases(drawn)), drawn.shares


def evaluate(config: Config, model: AlignDraw) -> dict[str, Figures]:
    """Of combinations that training saw, and of those it did not: the bound, how many of the
    pictures drawn from captions show what was asked, in percent, and of how many real ones the
    judge reads that.
    """
    return over_tests(_parts(config.data), partial(_figures, config, model))


def _parts(config: DataConfig) -> dict[str, str]:
    return {part: part for part in data.scenes(config.digits)}


def _figures(config: Config, model: AlignDraw, part: str) -> Figures:
    real = _pictures(config.data, "test", part)
    drawn, asked = _samples(config, model, part)
    figures = _bound(config, model, real) | _judged(config, drawn.pictures, asked)
    judged = _judged(config, real["picture"], [tuple(answer) for answer in real["answer"]])
    return figures | {"real_right": judged["right"]}


def _samples(config: Config, model: AlignDraw, part: str) -> tuple[Drawing, list[tuple[int, ...]]]:
    """What is drawn of a test set's scenes, each as often, and what was asked."""
    scenes = data.scenes(config.data.digits)[part]
    chosen = [scenes[place % len(scenes)] for place in range(config.decode.samples)]
    captions = [
        scene.captions[place // len(scenes) % len(scene.captions)]
        for place, scene in enumerate(chosen)
    ]
    return draw(config, model, captions), [scene.answer for scene in chosen]


def _judged(config: Config, pictures: np.ndarray, asked: Sequence[tuple[int, ...]]) -> Figures:
    right = _read(config, pictures) == np.array(asked)
    return {
        "right": 100 * float(right.all(axis=1).mean()),
        "digits_right": 100 * float(right[:, :-1].all(axis=1).mean()),
        "place_right": 100 * float(right[:, -1].mean()),
    }


def _read(config: Config, pictures: np.ndarray) -> np.ndarray:
    """What the judge reads: int32 [N, parts of an answer]."""
    digits = config.data.digits
    model = judge(config.decode.judge, digits, config.data.folder)
    return read_pictures(model, digits, pictures)


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the mean of a scene's pictures, each pixel by itself; of a
    scene that training does not show, the mean of those at its place.
    """

    def figures(part: str) -> Figures:
        means = _means(config.data)
        real = _pictures(config.data, "test", part)
        shares = np.stack([means[tuple(answer)] for answer in real["answer"]])
        pixels = np.where(real["picture"] > 0, shares, 1 - shares)
        return {"nats": float(-np.log(pixels).sum(axis=(1, 2)).mean())}

    return {"mean picture": over_tests(_parts(config.data), figures)}


MEAN_OF = 300  # pictures


def _means(config: DataConfig) -> dict[tuple[int, ...], np.ndarray]:
    """The share of white of each pixel, by answer."""
    pages, rng = Pages(read_digits(config.folder)["train"]), np.random.default_rng(0)
    split = data.scenes(config.digits)
    sums = {
        scene.answer: sum(pages.picture(rng, scene).astype(int) for _ in range(MEAN_OF))
        for scene in split["seen"]
    }
    means = {answer: (total + 0.5) / (MEAN_OF + 1) for answer, total in sums.items()}
    for scene in split["unseen"]:
        there = [mean for answer, mean in means.items() if answer[-1] == scene.place]
        means[scene.answer] = np.mean(there, axis=0)
    return means


def report(config: Config, model: AlignDraw, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: how pictures come about, and what was drawn of each caption."""
    run, beside = page.read_run(workdir), baselines(config)
    sections = []
    for part, title in TITLES.items():
        drawn, asked = _samples(config, model, part)
        sections += [_steps(config, part, title, drawn), _all_drawn(config, title, drawn, asked)]
    return page.write_report(
        workdir,
        title="Pictures drawn from words",
        introduction=INTRODUCTION,
        sections=sections,
        highlights=_highlights(run.results),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, title in TITLES.items()},
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


TITLES = {"seen": "Combinations seen in training", "unseen": "Combinations never seen"}
INTRODUCTION = (
    "alignDRAW reads a caption in both directions and draws step by step: at each step it looks at "
    "the words, and adds to the canvas what a grid of Gaussian filters writes (Gregor et al. 2015; "
    "Mansimov et al. 2015). What is shown is drawn from captions alone."
)
RESULTS_NOTE = (
    "Nats are a bound of -log p of pictures of digits that training never saw, black or white by "
    "pixel; lower is better. Right is what a convolutional net reads, trained apart on real digits "
    "of all combinations: of real pictures it reads the share in the last column."
)
COLUMNS = (
    page.Column("nats", "nats a picture", form="{:.1f}", better="min"),
    page.Column("kl", "of them told by latents", form="{:.1f}"),
    page.Column("right", "drawn right, %"),
    page.Column("digits_right", "digits right, %"),
    page.Column("place_right", "place right, %"),
    page.Column("real_right", "the judge, on real ones, %"),
)

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("seen: drawn right, %", "test_seen", "right"),
    Quoted("unseen: drawn right, %", "test_unseen", "right"),
    Quoted("seen: nats", "test_seen", "nats"),
    Quoted("unseen: nats", "test_unseen", "nats"),
)


def _highlights(results: dict[str, Figures]) -> list[page.Highlight]:
    return [
        page.Highlight(
            f"{figures['right']:.1f} %",
            f"drawn right: {TITLES[split.removeprefix('test_')].lower()}",
            f"of real pictures the judge reads {figures['real_right']:.1f} %",
        )
        for split, figures in results.items()
    ]


SHOWN = 6  # pictures whose steps are shown


def _steps(config: Config, part: str, title: str, drawn: Drawing) -> page.Section:
    """The first samples are of different scenes: some of these, evenly."""
    scenes = data.scenes(config.data.digits)[part]
    count = min(len(scenes), len(drawn.canvases))
    films = [
        page.DrawnStepwise(
            scenes[place].captions[0].split(), drawn.canvases[place], drawn.shares[place]
        )
        for place in np.unique(np.linspace(0, count - 1, SHOWN).astype(int))
    ]
    return page.drawn_section(f"Step by step. {title}", films)


def _all_drawn(
    config: Config, title: str, drawn: Drawing, asked: Sequence[tuple[int, ...]]
) -> page.Section:
    """A card a picture: what was asked, and what the judge reads."""
    told = _read(config, drawn.pictures)
    cards = [
        page.Example(_said(answer), _said(found), 0.0, picture)
        for answer, found, picture in zip(asked, told, drawn.canvases[:, -1], strict=True)
    ]
    return page.cards_section(title, cards[:CARDS])


CARDS = 80


def _said(answer: Sequence[int]) -> str:
    *digits, place = map(int, answer)
    return Scene(tuple(digits), place).captions[0]
