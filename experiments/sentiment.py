"""What people think of a tweet: a recurrent net reads it and tells the mean of their ratings.

4,200 tweets, each rated by twenty people or more from -4 (extremely negative) to 4 (extremely
positive). Beside the net stand VADER, the rules that the ratings were gathered for, and a bag of
words. `scripts/classify.py` rates texts of one's own and shows which words moved the rating.
"""

from collections.abc import Mapping, Sequence
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

from nnarch import report as page
from nnarch.data import rated_texts as data
from nnarch.data.pipeline import Batches, batches_by_length
from nnarch.data.rated_texts import Texts
from nnarch.data.word_pieces import WordPieces, words
from nnarch.metrics.bag_of_words import RatedTexts, fit_bag_of_words
from nnarch.metrics.ratings import NEUTRAL, rating_figures
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.metrics.vader import fit_vader
from nnarch.models.text_rater import TextRater, TextRaterConfig
from nnarch.train import Loss, Task, TrainConfig, check_counts

Kind = Literal["tweets", "movies", "products", "editorials", "words"]


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    train: tuple[Kind, ...] = ("tweets", "movies", "products", "editorials", "words")
    """Texts that training holds; "words" are those of VADER's lexicon."""
    others_weight: float = 0.1
    """How much a training text that is no tweet counts."""
    at_least: int = 5
    """How often a piece of a word has to stand in training to be known."""
    longest: int = 60
    """Words that training reads of a text."""
    batch_size: int = 32
    """Texts of a batch, over all devices."""
    buckets: int = 3
    """Lengths that batches are padded to; each costs a compilation."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class DecodeConfig:
    """How texts are rated."""

    batch_size: int = 64
    """Texts that are read at once."""
    longest: int = 80
    """Words that are read at once of a text of one's own; longer ones are read in parts."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=2500,
    learning_rate=2e-3,
    warmup_steps=200,
    weight_decay=0.1,
    average=0.998,
    evaluate_every=250,
    checkpoint_every=500,
    log_every=100,
)
MODEL = TextRaterConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: TextRaterConfig = MODEL
    data: DataConfig = DataConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {"default": Config()}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits, pieces = _read(config.data), _pieces(config.data)

    def create(key: Array) -> TextRater:
        return TextRater(config.model, pieces=len(pieces), key=key)

    def validate(model: TextRater) -> Figures:
        split = splits["validation"]
        return _figures(rate(config, model, split.texts), split)

    weights = np.where(
        [kind == "tweets" for kind in splits["train"].kinds], 1, config.data.others_weight
    )
    return Task(
        name="sentiment",
        create=create,
        loss=_loss,
        batches=Batches(
            data.examples(splits["train"], pieces, weights, longest=config.data.longest),
            config.data.batch_size,
            seed=config.train.seed,
            buckets=config.data.buckets,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="correlation",
        best_is="max",
    )


def _loss(model: TextRater, batch: dict[str, Array], key: Array) -> Loss:
    """The squared error, weighted."""
    told = model(batch["pieces"], batch["lengths"], key=key).ratings.astype(jnp.float32)
    wrong, weight = told - batch["rating"], batch["weight"]
    total = jnp.sum(weight)
    return Loss(
        jnp.sum(weight * wrong**2), total, {"error": (jnp.sum(weight * jnp.abs(wrong)), total)}
    )


@cache
def _read(config: DataConfig) -> dict[str, Texts]:
    return data.load(train=config.train, folder=config.folder or None)


@cache
def _pieces(config: DataConfig) -> WordPieces:
    return WordPieces.of(_read(config)["train"].texts, at_least=config.at_least)


def rate(config: Config, model: TextRater, texts: Sequence[str]) -> np.ndarray:
    """The rating of each text, from -4 to 4: float32 [N].

    A text that is too long to be read at once has the mean of its parts, by their words.
    """
    parts, of = _parts(config, texts)
    graph, state = nnx.split(model)
    told = np.zeros(len(parts), np.float32)
    for batch in batches_by_length(data.words_alone(parts), config.decode.batch_size):
        found = np.asarray(_ratings(graph, state, batch["pieces"], batch["lengths"]))
        told[batch["index"][batch["valid"]]] = found[batch["valid"]]
    return np.clip(_by_words(told, parts, of), data.LOWEST, data.HIGHEST)


def _parts(config: Config, texts: Sequence[str]) -> tuple[list[np.ndarray], np.ndarray]:
    """The words of each text, in parts that can be read at once; and whose each part is."""
    encoded = [_pieces(config.data).encode(text) for text in texts]
    cut = [np.array_split(e, -(-len(e) // config.decode.longest) or 1) for e in encoded]
    of = np.repeat(np.arange(len(texts)), [len(each) for each in cut])
    return [part for each in cut for part in each], of


def _by_words(values: np.ndarray, parts: Sequence[np.ndarray], of: np.ndarray) -> np.ndarray:
    weights = np.array([max(1, len(part)) for part in parts])
    return (np.bincount(of, weights * values) / np.bincount(of, weights)).astype(np.float32)


@partial(jax.jit, static_argnums=0)
def _ratings(graph: nnx.GraphDef, state: nnx.State, pieces: Array, lengths: Array) -> Array:
    return nnx.merge(graph, state)(pieces, lengths).ratings


def explain(config: Config, model: TextRater, text: str) -> page.TintedText:
    """A text's rating, and by how much each word moved it: the rating less that without the word.

    Without a word means that the net reads something there and does not see what, as training has
    it at times.
    """
    parts, _ = _parts(config, [text])
    graph, state = nnx.split(model)
    told, effects, total = 0.0, [], sum(max(1, len(part)) for part in parts)
    for part in parts:
        padded = np.pad(part, [(0, -len(part) % STEP or STEP), (0, 0)])
        whole, *without = np.asarray(_without_each(graph, state, padded, len(part)))
        share = max(1, len(part)) / total
        told += share * float(whole)
        effects += [share * float(whole - rating) for rating in without[: len(part)]]
    return page.TintedText(
        words(text), tuple(effects), float(np.clip(told, data.LOWEST, data.HIGHEST))
    )


STEP = 16  # words that texts are padded to a multiple of: few shapes are compiled


@partial(jax.jit, static_argnums=0)
def _without_each(graph: nnx.GraphDef, state: nnx.State, pieces: Array, length: Array) -> Array:
    """[T + 1]: the rating of one text, pieces [T, G], and of it without each of its words."""
    count = pieces.shape[0]
    hidden = jnp.eye(count + 1, count, k=-1, dtype=bool)
    rows = jnp.broadcast_to(pieces, (count + 1, *pieces.shape))
    lengths = jnp.full(count + 1, length)
    return nnx.merge(graph, state)(rows, lengths, hidden=hidden).ratings


def _figures(told: np.ndarray, split: Texts) -> Figures:
    figures = rating_figures(told, split.ratings)
    return figures._asdict() | {"error_percent": 100 * figures.error / SCALE}


SCALE = data.HIGHEST - data.LOWEST


def evaluate(config: Config, model: TextRater) -> dict[str, Figures]:
    """How near ratings are to people's, of every test split."""
    return over_tests(
        _read(config.data), lambda split: _figures(rate(config, model, split.texts), split)
    )


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: VADER itself, and a bag of words, which was tuned on the
    validation split and has had the same texts.

    VADER's scores become ratings by a straight line fitted to training's tweets, or to all texts
    where it has none. The bag's ratings are those of a ridge regression, its sides those of a
    logistic one.
    """
    splits = _read(config.data)
    train, validation = (
        RatedTexts(split.texts, split.ratings) for split in (splits["train"], splits["validation"])
    )
    own = np.array([kind == "tweets" for kind in splits["train"].kinds])
    ridge, logistic = (
        fit_bag_of_words(kind, train, own, validation, words=words)
        for kind in ("ridge", "logistic")
    )
    fitted_to = own if own.any() else ~own
    texts = [text for text, is_used in zip(train.texts, fitted_to, strict=True) if is_used]
    vader = fit_vader(texts, train.ratings[fitted_to])

    def of_bag(split: Texts) -> Figures:
        sides = rating_figures(logistic.tell(split.texts), split.ratings).sign
        return _figures(ridge.tell(split.texts), split) | {"sign": sides}

    return {
        "bag of words": over_tests(splits, of_bag),
        "VADER": over_tests(splits, lambda split: _figures(vader(split.texts), split)),
    }


def report(config: Config, model: TextRater, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: told against true, and texts by what moved their rating."""
    split = _read(config.data)["tweets"]
    run, beside = page.read_run(workdir), baselines(config)
    told = rate(config, model, split.texts)
    return page.write_report(
        workdir,
        title="What people think of a tweet",
        introduction=INTRODUCTION,
        sections=[
            page.scatter_section(
                "Told and true",
                split.ratings,
                told,
                across="mean of people's ratings",
                upward="told",
                note="A dot for each test tweet; on the line, what is told is what people said.",
            ),
            _examples(config, model, split, told),
        ],
        highlights=_highlights(run.results, beside),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, title in TESTS.items()},
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "A recurrent net reads the words of a tweet in both directions, looks at those that matter, "
    "and tells the mean of what twenty people or more thought of it, from -4 (extremely negative) "
    "to 4 (extremely positive). Words are known by their parts too, so that a rare form is not "
    "unknown."
)

RESULTS_NOTE = (
    f"Side: of texts whose rating is {NEUTRAL} or more away from 0, how many are told to be on the "
    "right side of it. The bag of words (single words and pairs) was tuned on the validation "
    "split: ridge regression for the ratings, logistic regression for the sides. VADER is a "
    "lexicon that people rated, with rules; a straight line makes ratings of its scores."
)

# Split -> what its texts are called.
TESTS = {
    "tweets": "Tweets",
    "movies": "Sentences of film reviews",
    "products": "Sentences of product reviews",
    "editorials": "Sentences of editorials",
}

COLUMNS = (
    page.Column("sign", "side, %"),
    page.Column("correlation", "correlation, %"),
    page.Column("error", "mean error, points", "{:.2f}", better="min"),
)

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("tweets: side, %", "test_tweets", "sign"),
    Quoted("correlation, %", "test_tweets", "correlation"),
    Quoted("mean error, % of the scale", "test_tweets", "error_percent"),
    Quoted("film reviews: correlation, %", "test_movies", "correlation"),
    Quoted("product reviews", "test_products", "correlation"),
    Quoted("editorials", "test_editorials", "correlation"),
)


def _highlights(
    results: Mapping[str, Figures], beside: Mapping[str, Mapping[str, Figures]]
) -> list[page.Highlight]:
    split = test_name("tweets")
    if split not in results:
        return []
    return [
        page.Highlight(
            f"{results[split][figure]:.1f} %",
            label,
            "; ".join(f"{name}: {of[split][figure]:.1f} %" for name, of in beside.items()),
        )
        for figure, label in (
            ("sign", "of tweets told to be on the right side"),
            ("correlation", "correlation with people's ratings"),
        )
    ]


class _Told(NamedTuple):
    text: str
    true: float
    score: float  # larger is better


def _examples(config: Config, model: TextRater, split: Texts, told: np.ndarray) -> page.Section:
    rows = zip(split.texts, split.ratings, -np.abs(told - split.ratings), strict=True)
    groups = page.choose([_Told(*row) for row in rows], each=6)._asdict()
    return page.tinted_section(
        "Which words moved it",
        {
            name: [
                explain(config, model, each.text)._replace(true=float(each.true)) for each in group
            ]
            for name, group in groups.items()
        },
        note="Told, and true. A word is green where the rating would be lower without it, red "
        "where it would be higher, and deep where that is a point or more.",
    )
