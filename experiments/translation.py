"""English to French: encoder-decoders with and without attention, on verses or short messages.

The verses of the Bible, aligned by their numbers (`verses`, the default), or the messages of
programs (`--data.name messages`). Asked are chapters that training never held (`chapters`) and
whole books apart (`books`); of messages, those of the same programs and of another one. `--net
luong` attends after each word and `--net bahdanau` before it, `--net plain` has the source's last
state alone, `--net gnmt` is deep; all have the same encoder and as many parameters, and see the
same batches.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._beside import runs_on
from experiments._translating import (
    DataConfig,
    DecodeConfig,
    best_of,
    examples,
    look,
    read,
    shifted,
    translate,
)
from experiments._translating import (
    pieces as pieces,  # for scripts/translate.py
)
from nnarch import report as page
from nnarch.data.pipeline import batches_by_length
from nnarch.data.token_batches import TokenBatches
from nnarch.data.translations import Sentences
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.metrics.translation_memory import Found, nearest_sentences
from nnarch.metrics.translations import bleu_by, sentence_chrf, translation_scores
from nnarch.models.bahdanau import BahdanauConfig
from nnarch.models.encoder_decoder import EncoderDecoderConfig
from nnarch.models.gnmt import GNMTConfig
from nnarch.models.luong import LuongConfig
from nnarch.models.scheduled_sampling import scheduled_logits
from nnarch.models.source_encoder import EncoderConfig
from nnarch.models.translator import Translator
from nnarch.models.translators import TranslatorConfig, make_translator
from nnarch.nn.parameters import count_parameters
from nnarch.train import Loss, Task, TrainConfig

# All nets have this encoder, and decoders whose width makes 6.8 to 6.9 million parameters of them.
ENCODER = EncoderConfig(hidden=320)
DROPOUT = 0.2
LUONG = LuongConfig(encoder=ENCODER, hidden=320, output=320, dropout=DROPOUT)
BAHDANAU = BahdanauConfig(encoder=ENCODER, hidden=256, dropout=DROPOUT)
PLAIN = EncoderDecoderConfig(encoder=ENCODER, hidden=416, dropout=DROPOUT)
GNMT = GNMTConfig(encoder=ENCODER, hidden=192, layers=3, dropout=DROPOUT)
# As published: one direction, the source reversed.
SUTSKEVER = EncoderDecoderConfig(
    encoder=EncoderConfig(hidden=480, directions="one", order="reversed"),
    hidden=480,
    dropout=DROPOUT,
)
DATA, DECODE = DataConfig(), DecodeConfig()
TRAINING = TrainConfig(
    steps=7000,
    learning_rate=2e-3,
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
    net: Literal["luong", "bahdanau", "plain", "gnmt"] = "luong"
    """Which net is trained."""
    luong: LuongConfig = LUONG
    bahdanau: BahdanauConfig = BAHDANAU
    plain: EncoderDecoderConfig = PLAIN
    gnmt: GNMTConfig = GNMT
    data: DataConfig = DATA
    decode: DecodeConfig = DECODE
    label_smoothing: float = 0.1
    """Share of the target that is spread over all pieces."""
    scheduled_sampling: float = 0.0
    """Share of the known words in whose place training reads one that the net would have said."""


PRESETS = {
    "default": Config(),
    "bahdanau": Config(net="bahdanau"),
    "gnmt": Config(net="gnmt"),
    "plain": Config(net="plain"),
    "sutskever": Config(net="plain", plain=SUTSKEVER),
    "hour": Config(train=replace(TRAINING, steps=16_000)),
    "messages": Config(data=DataConfig(name="messages", longest=60)),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    corpus = read(config.data)

    def create(key: Array) -> Translator:
        return make_translator(
            _of_net(config),
            source_words=len(corpus.source),
            target_words=len(corpus.target),
            key=key,
        )

    def validate(model: Translator) -> Figures:
        split = corpus.splits["validation"]
        told = best_of(translate(config, model, split.source, beam=1))
        scores = translation_scores(told, split.target)
        return {"bleu": scores.bleu, "nats": _nats(config, model)}

    return Task(
        name="translation",
        create=create,
        loss=partial(_loss, config),
        batches=TokenBatches(
            examples(config.data, "train", longest=config.data.longest),
            config.data.tokens,
            "target",
            seed=config.train.seed,
            buckets=config.data.buckets,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="bleu",
        best_is="max",
        unit="tokens",
        files={"source.model": corpus.source.model, "target.model": corpus.target.model},
    )


def _of_net(config: Config) -> TranslatorConfig:
    return getattr(config, config.net)


def _loss(config: Config, model: Translator, batch: dict[str, Array], key: Array) -> Loss:
    source, target, lengths = batch["source"], batch["target"], batch["target_lengths"]
    logits = scheduled_logits(
        model,
        source,
        batch["source_lengths"],
        shifted(target),
        lengths,
        rate=config.scheduled_sampling,
        key=key,
    )
    total, weight = masked_cross_entropy(
        logits, target, lengths, label_smoothing=config.label_smoothing
    )
    return Loss(total, weight, {})


def _nats(config: Config, model: Translator) -> float:
    """The mean of -log p over the pieces of validation's translations."""
    encoded = examples(config.data, "validation")
    graph, state = nnx.split(model)
    sums = [
        np.asarray(_scored(graph, state, batch))
        for batch in batches_by_length(encoded, config.decode.batch_size)
    ]
    total, weight = np.sum(sums, axis=0)
    return float(total / weight)


@partial(jax.jit, static_argnums=0)
def _scored(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    """[2]: the sum of -log p, and the pieces that it is of."""
    lengths = jnp.where(batch["valid"], batch["target_lengths"], 0)
    logits = nnx.merge(graph, state)(
        batch["source"], batch["source_lengths"], shifted(batch["target"]), lengths
    )
    return jnp.stack(masked_cross_entropy(logits, batch["target"], lengths))


def evaluate(config: Config, model: Translator) -> dict[str, Figures]:
    """BLEU and chrF of every test split by beam search, and greedy; BLEU by length and by how near
    the nearest training sentence is. Prints how they were counted.
    """
    splits = read(config.data).splits

    def figures(name: str) -> Figures:
        asked, true = splits[name].source, splits[name].target
        shortly = translate(config, model, asked, beam=1, progress=f"{name}, greedy")
        greedy = translation_scores(best_of(shortly), true)
        print(*greedy.signatures, sep="\n")
        return _figures(config.data, name, _told(config, model, name)) | {
            "bleu_greedy": greedy.bleu,
            "chrf_greedy": greedy.chrf,
        }

    size = {"million_parameters": count_parameters(model) / 1e6}
    return over_tests(_names(splits), figures) | {"net": size}


@lru_cache(maxsize=2)  # as many as there are test splits
def _told(config: Config, model: Translator, name: str) -> list[str]:
    """A test split's translations by beam search: `evaluate` and `report` ask for the same."""
    source = read(config.data).splits[name].source
    return best_of(translate(config, model, source, progress=f"{name}, beam search"))


def _names(splits: Mapping[str, Sentences]) -> dict[str, str]:
    return {name: name for name in splits}


# BLEU by words of the source, and by cosine in percent with the nearest training sentence's.
WORDS = (0, 11, 21, 31, 41)
NEAR = (0, 20, 30, 50)
MANY_WORDS = 21


def _figures(config: DataConfig, name: str, told: Sequence[str]) -> Figures:
    split = read(config).splits[name]
    scores = translation_scores(told, split.target)
    words = np.array([len(text.split()) for text in split.source])
    near = 100 * _nearest(config)[name].cosines
    many = bleu_by(told, split.target, words, (0, MANY_WORDS)).get(MANY_WORDS)
    figures = {"bleu": scores.bleu, "chrf": scores.chrf}
    figures |= {} if many is None else {"bleu_many_words": many}
    for kind, values, bounds in (("words", words, WORDS), ("near", near, NEAR)):
        found = bleu_by(told, split.target, values, bounds)
        figures |= {f"bleu_{kind}_{bound}": bleu for bound, bleu in found.items()}
    return figures


@cache
def _nearest(config: DataConfig) -> dict[str, Found]:
    """Of each test split: the nearest sentences of `_memory`."""
    splits = read(config).splits
    tests = [name for name in splits if name not in ("train", "validation")]
    memory = _memory(config).source
    return {name: nearest_sentences(splits[name].source, memory) for name in tests}


def _memory(config: DataConfig) -> Sentences:
    """Training, as far as it is of the translation that tests ask for."""
    splits = read(config).splits
    training, asked = splits["train"], splits["validation"].details.get("french")
    if asked is None:
        return training
    same = (row for row, french in enumerate(training.details["french"]) if french == asked[0])
    return training.take([*same])


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the translation of the training sentence that is nearest, and
    the source as it is.
    """
    splits, memory = read(config.data).splits, _memory(config.data)

    def remembered(name: str) -> Figures:
        places = _nearest(config.data)[name].places
        return _figures(config.data, name, [memory.target[place] for place in places])

    def copied(name: str) -> Figures:
        return _figures(config.data, name, splits[name].source)

    return {
        "translation memory": over_tests(_names(splits), remembered),
        "copy": over_tests(_names(splits), copied),
    }


def report(config: Config, model: Translator, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: the length curve, sentences, and where the net looked."""
    splits = read(config.data).splits
    run, beside = page.read_run(workdir), baselines(config)
    sections = [_length_curve(config, run, workdir, beside)]
    for name, title in TESTS.items():
        if name in splits:
            told = _told(config, model, name)
            sections += [_sentences(title, splits[name], told)]
            sections += _maps(config, model, title, splits[name], told)
    return page.write_report(
        workdir,
        title="English to French",
        introduction=INTRODUCTION,
        sections=sections,
        highlights=page.highlights_beside(run.results, beside, HIGHLIGHTS, form="{:.1f}"),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, title in TESTS.items()},
        results_note=RESULTS_NOTE.format(*translation_scores(["a"], ["a"]).signatures),
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "A recurrent net reads an English sentence and tells it in French, piece by piece. With "
    "attention it looks at the source for every piece (Bahdanau et al. 2014, Luong et al. 2015, "
    "GNMT 2016); without, it has nothing but the last state of what read it (Sutskever et al. "
    "2014). None of the sentences below was trained on, nor any that is nearly one of them."
)

RESULTS_NOTE = (
    "The translation memory gives the translation of the training sentence that is nearest; copy "
    "gives the source as it is. Counted by sacrebleu: {}; {}."
)

# Split -> what its sentences are called.
TESTS = {
    "chapters": "Chapters never seen",
    "books": "Books never seen",
    "same_packages": "Messages never seen",
    "new_package": "Messages of a program never seen",
    "test": "News never seen",
}


def _between(bounds: Sequence[int], unit: str) -> list[str]:
    """ "0 to 10 words", ..., "41 words or more"."""
    ends = [f"{low} to {high - 1} {unit}" for low, high in itertools.pairwise(bounds)]
    return [*ends, f"{bounds[-1]} {unit} or more"]


COLUMNS = (
    page.Column("bleu", "BLEU"),
    page.Column("chrf", "chrF"),
    page.Column("bleu_greedy", "BLEU, greedy"),
    page.Column("chrf_greedy", "chrF, greedy"),
    *(
        page.Column(f"bleu_words_{bound}", f"BLEU, {title}")
        for bound, title in zip(WORDS, _between(WORDS, "words"), strict=True)
    ),
    *(
        page.Column(f"bleu_near_{bound}", f"BLEU, nearest training sentence: cosine {title}")
        for bound, title in zip(NEAR, _between(NEAR, "%"), strict=True)
    ),
)

HIGHLIGHTS = {
    (test_name(split), "bleu"): f"BLEU: {title.lower()}" for split, title in TESTS.items()
}
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("chapters: BLEU", "test_chapters", "bleu"),
    Quoted("chrF", "test_chapters", "chrf"),
    Quoted("greedy: BLEU", "test_chapters", "bleu_greedy"),
    Quoted("over 20 words", "test_chapters", "bleu_many_words"),
    Quoted("books: BLEU", "test_books", "bleu"),
    Quoted("chrF", "test_books", "chrf"),
    Quoted("greedy: BLEU", "test_books", "bleu_greedy"),
    Quoted("over 20 words", "test_books", "bleu_many_words"),
)


def _length_curve(
    config: Config, run: page.Run, workdir: Path, beside: Mapping[str, Mapping[str, Figures]]
) -> page.Section:
    """BLEU by words of the source: this run's, its neighbours' and the baselines'."""
    others = {name: other.results for name, other in runs_on(config.data, workdir)}
    systems = {"this run": run.results, **others, **beside}
    split = next(iter(beside["copy"]))  # the first of the test splits
    lines = {name: _by_words(results.get(split, {})) for name, results in systems.items()}
    return page.compared_section(
        "BLEU by length",
        lines,
        across="words of the source, at least",
        upward="BLEU",
        file="lengths.png",
        note="Beside this run those in neighbouring folders. An encoder-decoder without attention "
        "has one vector for a sentence of any length.",
    )


def _by_words(figures: Figures) -> np.ndarray:
    """[N, 2]: words of the source, and BLEU of what has so many, up to the next."""
    points = [(b, figures[f"bleu_words_{b}"]) for b in WORDS if f"bleu_words_{b}" in figures]
    return np.array(points, float).reshape(-1, 2)


def _sentences(title: str, split: Sentences, told: Sequence[str]) -> page.Section:
    """The best, typical and worst translations, by chrF."""
    scores = sentence_chrf(told, split.target)
    rows = zip(split.target, told, scores, split.source, strict=True)
    examples = [page.Example(true, said, score, note=text) for true, said, score, text in rows]
    return page.gallery_section(title, examples, each=6, note=HOW_TO_READ)


HOW_TO_READ = (
    "Ranked by chrF. Below each translation the true one, and what was read; words that the true "
    "one does not have at their place are marked."
)
LOOKED = "Each row is a piece that was told, and shows at which pieces of the source it looked."
MAPS = 3  # of each test split
SHOWN_WORDS = range(12, 22)  # of a source whose map can be read


def _maps(
    config: Config, model: Translator, title: str, split: Sentences, told: Sequence[str]
) -> list[page.Section]:
    """Where the net looked in some sentences; no section if it attends to nothing."""
    places = [row for row, text in enumerate(split.source) if len(text.split()) in SHOWN_WORDS]
    every = max(1, len(places) // MAPS)
    maps = [look(config, model, split.source[row], told[row]) for row in places[::every][:MAPS]]
    if not all(each.shares.size for each in maps):
        return []
    return [page.attention_section(f"{title}: where it looked", maps, note=LOOKED)]
