"""One space for pictures and words: emoji and their names as points of one sphere, to search in.

A CNN places pictures, an LSTM texts; a ranking loss draws together what belongs together (Kiros et
al. 2014; `--negatives hardest`: VSE++). Tested as captioning is: on names whose parts training
showed apart alone (`composed`), drawings by an artist it never saw (`new_artist`), things it never
saw (`new`). Each picture of a test set ranks all names of it, and each name all pictures.
`scripts/search.py` looks through a trained run by words or by a picture.
"""

from collections.abc import Callable, Iterator, Sequence
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

from experiments import captioning
from experiments._batches import over_batches
from experiments._captioned import (
    TEST_SETS,
    AugmentationConfig,
    DataConfig,
    changed,
    read,
)
from experiments._swaps import WORDS, Moved, Placed, moved, tells_parts
from nnarch import report as page
from nnarch import train
from nnarch.data import captions as data
from nnarch.data.captions import Captioned
from nnarch.data.examples import Examples, Fixed
from nnarch.data.pipeline import Batches
from nnarch.data.vocabulary import END, PAD, UNKNOWN, Vocabulary
from nnarch.losses import ranking_loss
from nnarch.metrics.nearest import nearest
from nnarch.metrics.retrieval import first_match, retrieval_scores, word_cosines
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.models.visual_semantic import VisualSemantic, VisualSemanticConfig
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig, check_counts


@dataclass(frozen=True)
class DecodeConfig:
    """How a run is evaluated."""

    batch_size: int = 128
    """Pictures or texts that are placed at once."""
    max_length: int = 32
    """Words of a text that are read."""
    captioner: str = ""
    """Folder of a captioning run to stand beside this one: it tells each picture, and what it tells
    is matched with the names by their words."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


OF_BASELINES = ("captioner",)  # options of decoding that change no figure of the run itself

# Ten thousand batches of 64 train for about 8 minutes on 2 cores that multiply 100 GFLOP/s each.
TRAINING = TrainConfig(
    steps=10_000,
    learning_rate=2e-3,
    warmup_steps=200,
    weight_decay=0.2,
    average=0.998,
    evaluate_every=2000,
    checkpoint_every=1000,
)
MODEL = VisualSemanticConfig()
DATA = DataConfig(batch_size=64)
AUGMENTATION = AugmentationConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: VisualSemanticConfig = MODEL
    data: DataConfig = DATA
    augmentation: AugmentationConfig = AUGMENTATION
    decode: DecodeConfig = DecodeConfig()
    margin: float = 0.2
    """By how much what belongs together has to be nearer than what does not."""
    negatives: Literal["all", "hardest"] = "all"
    """Which wrong pairs of a batch count: all, or for each picture and each name the nearest. Where
    `--accumulate` cuts the batch, those of a part."""
    unknown: float = 0.05
    """Share of the words that training reads as unknown ones, so that those have a place."""


PRESETS = {
    "default": Config(),
    "hardest": Config(negatives="hardest"),
    "sum": Config(model=replace(MODEL, text="sum")),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits, vocabulary = read(config.data)
    return Task(
        name="embedding",
        create=partial(_create, config, len(vocabulary)),
        loss=partial(_loss, config),
        batches=Batches(
            examples(splits["train"], vocabulary),
            config.data.batch_size,
            seed=config.train.seed,
            buckets=config.data.buckets,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=lambda model: _figures(*_scores(config, model, splits["validation"])),
        best="mean_recall",
        best_is="max",
    )


def _create(config: Config, vocabulary: int, key: Array) -> VisualSemantic:
    return VisualSemantic(
        config.model, vocabulary=vocabulary, picture_size=config.data.size, key=key
    )


def examples(split: Captioned, vocabulary: Vocabulary) -> Examples:
    """As `captions.examples`, and which of them belong together.

    A batch has "name" int32 [B], a number for each caption of the split, and "accepted" int32
    [B, A], the numbers of the captions that are right for the picture, filled up with -1.
    """
    plain = data.examples(split, vocabulary)
    of = {name: number for number, name in enumerate(names_of(split))}
    owned = [of[" ".join(words)] for captions in split.captions for words in captions]
    right = [sorted(of[name] for name in each if name in of) for each in split.accepted]
    accepted = np.full((len(split), max(map(len, right))), -1, np.int32)
    for row, numbers in zip(accepted, right, strict=True):
        row[: len(numbers)] = numbers
    fixed = {
        "name": Fixed(np.asarray(owned, np.int32), np.arange(len(owned))),
        "accepted": Fixed(accepted, plain.fixed["picture"].rows),
    }
    return replace(plain, fixed={**plain.fixed, **fixed})


def names_of(split: Captioned) -> list[str]:
    """The captions of a split, each once, from a to z."""
    return sorted({" ".join(words) for captions in split.captions for words in captions})


def _loss(config: Config, model: VisualSemantic, batch: dict[str, Array], key: Array) -> Loss:
    keys = jax.random.split(key, 4)
    pictures = changed(config.augmentation, keys[0], batch["picture"])
    hidden = jax.random.bernoulli(keys[1], config.unknown, batch["tokens"].shape)
    tokens = jnp.where(hidden & (batch["tokens"] != END), UNKNOWN, batch["tokens"])
    total, weight = ranking_loss(
        model.pictures(pictures, key=keys[2]),
        model.texts(tokens, batch["lengths"], key=keys[3]),
        _belong_together(batch["name"], batch["accepted"]),
        margin=config.margin,
        negatives=config.negatives,
    )
    return Loss(total, weight, {})


def _belong_together(names: Array, accepted: Array) -> Array:
    """bool [B, B]: whether picture i may bear name j; names [B], accepted [B, A]."""
    return jnp.any(accepted[:, None, :] == names[None, :, None], axis=-1)


def place_pictures(config: Config, model: VisualSemantic, pictures: np.ndarray) -> np.ndarray:
    """Where pictures, uint8 [N, S, S, 3], lie: float32 [N, features], of unit length."""
    return over_batches(config.decode.batch_size, _place_pictures, model, {"picture": pictures})


@partial(jax.jit, static_argnums=0)
def _place_pictures(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return nnx.merge(graph, state).pictures(to_float(batch["picture"]))


def place_texts(config: Config, model: VisualSemantic, texts: Sequence[str]) -> np.ndarray:
    """Where texts lie, words divided by spaces: float32 [N, features], of unit length."""
    _, vocabulary = read(config.data)
    tokens = np.full((len(texts), config.decode.max_length), PAD, np.int32)
    lengths = np.zeros(len(texts), np.int32)
    for row, text in enumerate(texts):
        words = vocabulary.encode(text.split()[: config.decode.max_length - 1])
        tokens[row, : len(words)], lengths[row] = words, len(words)
    fields = {"tokens": tokens, "lengths": lengths}
    return over_batches(config.decode.batch_size, _place_texts, model, fields)


@partial(jax.jit, static_argnums=0)
def _place_texts(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return nnx.merge(graph, state).texts(batch["tokens"], batch["lengths"])


def _scores(config: Config, model: VisualSemantic, split: Captioned) -> tuple[np.ndarray, ...]:
    """How near each picture of a split is to each of its names, and which belong together."""
    pictures = place_pictures(config, model, split.pictures)
    return pictures @ place_texts(config, model, names_of(split)).T, _matches(split)


def _matches(split: Captioned) -> np.ndarray:
    """bool [pictures, names]: all names that a picture may bear."""
    names = names_of(split)
    return np.array([[name in accepted for name in names] for accepted in split.accepted])


def _figures(scores: np.ndarray, matches: np.ndarray) -> Figures:
    """Recall in percent and median rank of both ways, and the mean of the six recalls."""
    figures = _way("names", scores, matches) | _way("pictures", scores.T, matches.T)
    recalls = [value for name, value in figures.items() if "recall" in name]
    return {**figures, "mean_recall": float(np.mean(recalls))}


def _way(way: str, scores: np.ndarray, matches: np.ndarray) -> Figures:
    found = retrieval_scores(scores, matches)._asdict()
    return {
        f"{way}_{name}": value if name == "median_rank" else 100 * value
        for name, value in found.items()
    }


def evaluate(config: Config, model: VisualSemantic) -> dict[str, Figures]:
    """The figures of every test split, under "test_" and its name; recalls are in percent."""
    splits, _ = read(config.data)
    found = over_tests(splits, lambda split: _figures(*_scores(config, model, split)))
    return found | _swap_figures(arithmetic(config, model)[2])


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: a text for each picture, matched with the names by words.

    The text is the name of the training picture nearest in its pixels; and what the captioning run
    `config.decode.captioner` tells, if there is one.

    Raises:
      nnarch.train.TrainingError: the captioner is no run of captioning.
    """
    splits, _ = read(config.data)
    known = [" ".join(each[0]) for each in splits["train"].captions]

    def nearest_names(split: Captioned) -> list[str]:
        return [known[place] for place in nearest(split.pictures, splits["train"].pictures)]

    tellers = {"nearest neighbour on pixels": nearest_names}
    if config.decode.captioner:
        tellers["captioning, then words"] = _captioner(config)
    return {
        name: over_tests(splits, lambda split, tell=tell: _matched(tell(split), split))
        for name, tell in tellers.items()
    }


def _matched(told: Sequence[str], split: Captioned) -> Figures:
    return _figures(word_cosines(told, names_of(split)), _matches(split))


def _captioner(config: Config) -> Callable[[Captioned], list[str]]:
    """What tells each picture of a split, from a run of captioning."""
    workdir = Path(config.decode.captioner)
    if train.experiment_of(workdir) != "captioning":
        raise train.WorkdirError(
            f"expected a run of captioning; {workdir} is another's. Train one: "
            f"python scripts/train.py captioning --workdir runs/captioning"
        )
    told_by = train.read_options(captioning.Config, workdir)
    sizes = told_by.data.size, config.data.size
    if sizes[0] != sizes[1]:
        raise train.WorkdirError(
            f"{workdir} reads pictures of {sizes[0]} pixels a side, and this run's have "
            f"{sizes[1]}. Train one with --data.size {sizes[1]}."
        )
    model, _ = train.restore(captioning.build(told_by), workdir)
    return lambda split: captioning.caption(told_by, model, split.pictures)


def arithmetic(config: Config, model: VisualSemantic) -> tuple[Placed, Placed, list[Moved]]:
    """Pictures of `composed` moved by words, among all pictures: those, these, and what is found.

    Nothing is found in sets that do not tell of tones and genders.
    """
    splits, _ = read(config.data)
    asked, pool = splits.get("composed", splits["validation"]), data.joined([*splits.values()])
    placed = [Placed(each, place_pictures(config, model, each.pictures)) for each in (asked, pool)]
    if not tells_parts(asked):
        return *placed, []
    words = dict(zip(WORDS, place_texts(config, model, WORDS), strict=True))
    return *placed, moved(*placed, words)


def _swap_figures(found: Sequence[Moved]) -> dict[str, Figures]:
    """By the part that is swapped; "unmoved" is the picture alone, without the words."""
    figures = {}
    for part in dict.fromkeys(each.swap.part for each in found):
        asked = [each for each in found if each.swap.part == part]
        matches = np.concatenate([each.matches for each in asked])
        for name, way in (("swapped", "scores"), ("unmoved", "unmoved")):
            scores = np.concatenate([getattr(each, way) for each in asked])
            figures[f"test_{part}_{name}"] = _way("pictures", scores, matches)
    return figures


def report(config: Config, model: VisualSemantic, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: what pictures and names found, arithmetic, and figures."""
    splits, _ = read(config.data)
    run, beside = page.read_run(workdir), baselines(config)
    sections = [
        section
        for name, (title, note) in TEST_SETS.items()
        if name in splits
        for section in _galleries(config, model, splits[name], title, note)
    ]
    return page.write_report(
        workdir,
        title="One space for pictures and words",
        introduction=INTRODUCTION,
        sections=[*sections, _arithmetic_section(config, model)],
        highlights=page.highlights_beside(run.results, beside, HIGHLIGHTS),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, (title, _) in TEST_SETS.items()} | SWAPPED,
        results_note=RESULTS_NOTE,
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "A convolutional network places pictures, and an LSTM texts, on one sphere, so that a picture "
    "lies near its name (Kiros et al. 2014). Whatever lies near is found: names of a picture, "
    "pictures of a name. None of the pictures asked about below was trained on, nor was any "
    "picture identical to one."
)
RESULTS_NOTE = (
    "Each picture of a test set ranks all names of that set, and each name all its pictures. "
    "Recall at K is the share of queries with a right answer among the first K; every name that a "
    "picture identical to the byte bears is right, and every picture that may bear the name."
)
SWAPPED = {
    "test_gender_swapped": "Arithmetic: woman to man, and man to woman",
    "test_gender_unmoved": "The same, asked with the picture alone",
    "test_tone_swapped": "Arithmetic: light to dark, and dark to light",
    "test_tone_unmoved": "The same, asked with the picture alone",
}
COLUMNS = tuple(
    column
    for way in ("names", "pictures")
    for column in (
        page.Column(f"{way}_recall_at_1", f"{way}: R@1, %"),
        page.Column(f"{way}_recall_at_5", "R@5"),
        page.Column(f"{way}_recall_at_10", "R@10"),
        page.Column(f"{way}_median_rank", "median rank", better="min"),
    )
)

HIGHLIGHTS = {
    (f"test_{name}", f"{way}_recall_at_10"): f"{told} among the first ten: {title.lower()}"
    for name, (title, _) in TEST_SETS.items()
    if name in ("composed", "new_artist")
    for way, told in (("names", "a right name"), ("pictures", "a right picture"))
}
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("composed: names R@1", "test_composed", "names_recall_at_1"),
    Quoted("R@10", "test_composed", "names_recall_at_10"),
    Quoted("pictures R@1", "test_composed", "pictures_recall_at_1"),
    Quoted("R@10", "test_composed", "pictures_recall_at_10"),
    Quoted("new artist: names R@10", "test_new_artist", "names_recall_at_10"),
    Quoted("pictures R@10", "test_new_artist", "pictures_recall_at_10"),
    Quoted("new: names R@10", "test_new", "names_recall_at_10"),
    Quoted("pictures R@10", "test_new", "pictures_recall_at_10"),
)


FOUND = 6  # answers that are shown of a query


def _galleries(
    config: Config, model: VisualSemantic, split: Captioned, title: str, note: str
) -> list[page.Section]:
    """What pictures of a split found, and what its names found: best, typical, worst."""
    scores, matches = _scores(config, model, split)
    artists, names = split.details.get("artist", ("",) * len(split)), names_of(split)
    by_picture = [
        page.Retrieval(
            " / ".join(sorted(split.accepted[row])),
            [page.Found(names[place], right) for place, right in answers],
            -rank,
            split.pictures[row],
            f"{artists[row]}, rank {rank:g}".removeprefix(", "),
        )
        for row, (answers, rank) in enumerate(_answers(scores, matches))
    ]
    by_name = [
        page.Retrieval(
            names[row],
            [
                page.Found(" ".join(split.captions[place][0]), right, split.pictures[place])
                for place, right in answers
            ],
            -rank,
            note=f"rank {rank:g}",
        )
        for row, (answers, rank) in enumerate(_answers(scores.T, matches.T))
    ]
    return [
        page.retrievals_section(f"Names for pictures. {title}", by_picture, note=note),
        page.retrievals_section(f"Pictures for names. {title}", by_name, note=note),
    ]


def _answers(scores: np.ndarray, matches: np.ndarray) -> Iterator[tuple[list, float]]:
    """For each query the nearest candidates, with whether they are right, and its rank."""
    for row, rank in enumerate(first_match(scores, matches)):
        nearest_first = np.argsort(-scores[row], kind="stable")[:FOUND]
        yield [(place, bool(matches[row, place])) for place in nearest_first], float(rank)


MOVED = 3  # pictures of each swap that are shown


def _arithmetic_section(config: Config, model: VisualSemantic) -> page.Section:
    """Pictures less a word and plus another, at even distances through those that can be asked."""
    asked, pool, found = arithmetic(config, model)
    lines = []
    for each in found:
        less, plus = each.swap.words
        for place in np.unique(np.linspace(0, len(each.rows), MOVED, endpoint=False, dtype=int)):
            (answers, rank), *_ = _answers(each.scores[[place]], each.matches[[place]])
            shown = [
                page.Found(
                    " ".join(pool.pictures.captions[row][0]), right, pool.pictures.pictures[row]
                )
                for row, right in answers
            ]
            query = f"this - {less} + {plus}"
            picture = asked.pictures.pictures[each.rows[place]]
            lines.append(page.Retrieval(query, shown, -rank, picture, f"rank {rank:g}"))
    return page.retrieval_lines_section("Arithmetic", lines, note=ARITHMETIC)


ARITHMETIC = (
    "The point of a picture, less that of a word, plus that of another; and the pictures of the "
    "whole set that are nearest to there. Right is what shows the same with that one part changed, "
    "by whichever artist. Pictures identical to the one asked with are left out."
)


def library(config: Config) -> Captioned:
    """What can be searched: the pictures of all splits, identical ones once."""
    splits, _ = read(config.data)
    pool = data.joined([*splits.values()])
    first = {picture.tobytes(): row for row, picture in reversed([*enumerate(pool.pictures)])}
    return pool.take(sorted(first.values()))


def unknown_words(config: Config, text: str) -> list[str]:
    """The words of a text that training did not show, each once."""
    _, vocabulary = read(config.data)
    return [word for word in dict.fromkeys(text.split()) if word not in vocabulary]
