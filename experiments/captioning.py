"""Pictures told in words: Show and Tell on emoji that four artists drew, or on photographs.

`--preset attend` trains Show, Attend and Tell in its place, which looks at places of the picture
before each word, and whose report shows where.

The pictures are emoji, the captions their Unicode names. Three artists' drawings are trained on.
Asked are the names of combinations that training never showed together (`composed`: a skin tone and
a gender that it knows, of someone it knows), of drawings by an artist it never saw (`new_artist`),
and of things it never saw (`new`, where tone, gender and single words can be right, and little
else). `--data.name coco_captions` trains on photographs instead.
"""

import math
from collections.abc import Sequence
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

from experiments._batches import over_batches
from experiments._captioned import (
    TEST_SETS,
    AugmentationConfig,
    DataConfig,
    changed,
    compared,
    read,
)
from experiments._sentence_search import DecodeConfig, best_sentences
from nnarch import report as page
from nnarch.data import captions as data
from nnarch.data.captions import Captioned
from nnarch.data.pipeline import Batches
from nnarch.data.vocabulary import START
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.bleu import bleu
from nnarch.metrics.captions import caption_scores
from nnarch.metrics.cider import cider_d
from nnarch.metrics.nearest import nearest
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.models.show_and_tell import ShowAndTell, ShowAndTellConfig
from nnarch.models.show_attend_tell import ShowAttendTell, ShowAttendTellConfig
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig

# Twelve thousand batches of 32 train for 6 minutes on 2 cores that multiply 100 GFLOP/s each.
TRAINING = TrainConfig(
    steps=12_000,
    learning_rate=3e-3,
    warmup_steps=200,
    weight_decay=0.2,
    average=0.998,
    evaluate_every=2000,
    checkpoint_every=1000,
)
DATA = DataConfig()
AUGMENTATION = AugmentationConfig()
DECODE = DecodeConfig()
MODEL = ShowAndTellConfig()
ATTEND = ShowAttendTellConfig()  # of 1.84 million parameters where the other has 1.90
Captioner = ShowAndTell | ShowAttendTell


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    net: Literal["show_and_tell", "attend"] = "show_and_tell"
    """Which model is trained: `model` or `attend` has its sizes."""
    model: ShowAndTellConfig = MODEL
    attend: ShowAttendTellConfig = ATTEND
    data: DataConfig = DATA
    augmentation: AugmentationConfig = AUGMENTATION
    decode: DecodeConfig = DECODE
    label_smoothing: float = 0.1
    """Share of the target that is spread over all words."""
    doubly_stochastic: float = 0.1
    """Weight, beside a caption's cross-entropy, of what attend leaves unseen or sees twice; 1 in
    the paper, over pictures of more places and captions of more words."""


PRESETS = {
    "default": Config(),
    "attend": Config(net="attend"),
    "hour": Config(
        train=replace(TRAINING, steps=120_000, average=0.9995, evaluate_every=5000),
        model=replace(MODEL, dropout=0.2),
        augmentation=AugmentationConfig(
            shift=3.0, scale=0.1, brightness=0.05, contrast=0.1, channels=0.05
        ),
    ),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits, vocabulary = read(config.data)

    def validate(model: Captioner) -> Figures:
        greedy = replace(config, decode=replace(config.decode, beam=1))
        told = caption(greedy, model, splits["validation"].pictures)
        return _figures(told, splits["validation"])

    return Task(
        name="captioning",
        create=partial(_create, config, len(vocabulary)),
        loss=partial(_loss, config),
        batches=Batches(
            data.examples(splits["train"], vocabulary),
            config.data.batch_size,
            seed=config.train.seed,
            buckets=config.data.buckets,
            process_index=process_index,
            process_count=process_count,
        ),
        validate=validate,
        best="cider" if config.data.name == "coco_captions" else "exact_match",
        best_is="max",
    )


def _create(config: Config, vocabulary: int, key: Array) -> Captioner:
    if config.net == "attend":
        return ShowAttendTell(config.attend, vocabulary=vocabulary, start=START, key=key)
    return ShowAndTell(
        config.model, vocabulary=vocabulary, picture_size=config.data.size, start=START, key=key
    )


def _loss(config: Config, model: Captioner, batch: dict[str, Array], key: Array) -> Loss:
    for_pictures, for_dropout = jax.random.split(key)
    pictures = changed(config.augmentation, for_pictures, batch["picture"])
    tokens, lengths = batch["tokens"], batch["lengths"]
    cross_entropy = partial(
        masked_cross_entropy,
        labels=tokens,
        lengths=lengths,
        label_smoothing=config.label_smoothing,
    )
    if config.net == "show_and_tell":
        return Loss(*cross_entropy(model(pictures, tokens, lengths, key=for_dropout)), {})
    logits, maps = model.attend(pictures, tokens, lengths, key=for_dropout)
    (total, weight), uneven = cross_entropy(logits), _unevenness(maps)
    shown = {"cross_entropy": (total, weight), "unevenness": (uneven, jnp.float32(len(maps)))}
    return Loss(total + config.doubly_stochastic * uneven, weight, shown)


def _unevenness(maps: Array) -> Array:
    """Sum over places of (1 - sum over words of their shares)², of maps [B, L, Y, X], over all B.

    Source: Xu et al. 2015, equation 14, where attention is "doubly stochastic" if it is 0.
    """
    return jnp.sum((1 - jnp.sum(maps, axis=1)) ** 2)


def caption(config: Config, model: Captioner, pictures: np.ndarray) -> list[str]:
    """Tells each picture, uint8 [N, S, S, 3], in words."""
    _, vocabulary = read(config.data)
    found = best_sentences(config.decode, model, pictures)
    return [" ".join(vocabulary.decode(tokens)) for tokens in found]


def look(config: Config, model: Captioner, pictures: np.ndarray) -> list[page.Looked]:
    """Tells each picture, uint8 [N, S, S, 3], and where each word looked.

    Raises:
      ValueError: the model does not attend.
    """
    if config.net != "attend":
        raise ValueError(
            "expected a run that attends to places of the picture; this one does not. Train one: "
            "python scripts/train.py captioning --preset attend"
        )
    _, vocabulary = read(config.data)
    tokens = best_sentences(config.decode, model, pictures)
    maps = over_batches(
        config.decode.batch_size, _attended, model, {"picture": pictures, "tokens": tokens}
    )
    told = map(vocabulary.decode, tokens)
    return [
        page.Looked(picture, words, each[: len(words)])
        for picture, words, each in zip(pictures, told, maps, strict=True)
    ]


@partial(jax.jit, static_argnums=0)
def _attended(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    """Where each word of known captions looked: [B, L, Y, X]."""
    tokens, pictures = batch["tokens"], to_float(batch["picture"])
    everything = jnp.full(len(tokens), tokens.shape[1])  # what follows the end changes nothing
    return nnx.merge(graph, state).attend(pictures, tokens, everything).maps


def evaluate(config: Config, model: Captioner) -> dict[str, Figures]:
    """The figures of every test split, under "test_" and its name; shares are in percent."""
    splits, _ = read(config.data)
    return over_tests(splits, lambda split: _figures(caption(config, model, split.pictures), split))


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the caption of the training picture nearest in its pixels."""
    splits, _ = read(config.data)
    captions = [" ".join(each[0]) for each in splits["train"].captions]
    pictures = splits["train"].pictures

    def tell(split: Captioned) -> Figures:
        told = [captions[place] for place in nearest(split.pictures, pictures)]
        return _figures(told, split)

    return {"nearest neighbour on pixels": over_tests(splits, tell)}


def _figures(told: Sequence[str], split: Captioned) -> Figures:
    """What captions are worth. A figure that no picture of the split can have is left out."""
    references = [[" ".join(words) for words in each] for each in split.captions]
    scores = caption_scores(told, [each[0] for each in references], split.accepted)
    grams = bleu(told, references)
    figures = {
        "exact_match": 100 * scores.exact_match,
        "exact_match_strict": 100 * scores.strict_match,
        "bleu1": grams.bleu1,
        "bleu2": grams.bleu2,
        "bleu4": grams.bleu4,
        "cider": cider_d(told, references).mean,
        "tone": 100 * scores.tone,
        "gender": 100 * scores.gender,
        "tone_and_gender": 100 * scores.tone_and_gender,
    }
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def report(config: Config, model: Captioner, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: captions of unseen pictures beside the true ones, and figures."""
    splits, _ = read(config.data)
    run = page.read_run(workdir)
    beside = baselines(config)
    galleries = [
        page.gallery_section(title, _examples(config, model, splits[name]), note=note)
        for name, (title, note) in TEST_SETS.items()
        if name in splits
    ]
    looked = [_looked(config, model, splits)] if config.net == "attend" else []
    return page.write_report(
        workdir,
        title="Pictures told in words",
        introduction=f"{INTRODUCTIONS[config.net]} {UNSEEN}",
        sections=looked + galleries,
        highlights=page.highlights_beside(run.results, beside, HIGHLIGHTS),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, (title, _) in TEST_SETS.items()},
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTIONS = {
    "show_and_tell": (
        "A convolutional network reads a picture, and an LSTM tells it word by word (Show and "
        "Tell, Vinyals et al. 2014)."
    ),
    "attend": (
        "A convolutional network reads a picture, and an LSTM tells it word by word, looking at "
        "places of it before each (Show, Attend and Tell, Xu et al. 2015)."
    ),
}
UNSEEN = "None of the pictures below was trained on, nor was any picture identical to one."

COLUMNS = (
    page.Column("exact_match", "exact match, %"),
    page.Column("exact_match_strict", "of its own name, %"),
    page.Column("bleu1", "BLEU-1"),
    page.Column("bleu2", "BLEU-2"),
    page.Column("bleu4", "BLEU-4"),
    page.Column("cider", "CIDEr-D", "{:.2f}"),
    page.Column("tone", "tone, %"),
    page.Column("gender", "gender, %"),
)


HIGHLIGHTS = {
    (f"test_{name}", "exact_match"): f"named exactly: {TEST_SETS[name][0].lower()}"
    for name in ("composed", "new_artist")
}
# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("composed", "test_composed", "exact_match"),
    Quoted("of its own name", "test_composed", "exact_match_strict"),
    Quoted("new artist", "test_new_artist", "exact_match"),
    Quoted("new: tone and gender", "test_new", "tone_and_gender"),
    Quoted("new: BLEU-1", "test_new", "bleu1"),
    Quoted("new: BLEU-2", "test_new", "bleu2"),
)


def _examples(config: Config, model: Captioner, split: Captioned) -> list[page.Example]:
    told = caption(config, model, split.pictures)
    artists = split.details.get("artist", ("",) * len(split))
    return [
        page.Example(*compared(words, accepted), picture, artist)
        for words, accepted, picture, artist in zip(
            told, split.accepted, split.pictures, artists, strict=True
        )
    ]


LOOKED_AT = 4  # pictures of each test set


def _looked(config: Config, model: ShowAttendTell, splits: dict[str, Captioned]) -> page.Section:
    """Where each word looked, for pictures at even distances through each test set."""
    shown = []
    for name, (title, _) in TEST_SETS.items():
        if name in splits:
            rows = np.linspace(0, len(splits[name]), LOOKED_AT, endpoint=False, dtype=int)
            split = splits[name].take(np.unique(rows))
            found = look(config, model, split.pictures)
            for each, accepted in zip(found, split.accepted, strict=True):
                truth, *_ = compared(" ".join(each.words), accepted)
                shown.append(each._replace(truth=truth, note=title))
    return page.overlays_section("Where it looked", shown, note=WHERE)


WHERE = (
    "The picture, and once for each word what the network looked at when it said it. Places are "
    "as bright as their share of the attention, beside the largest share within that caption; "
    "below stands the largest share of one place. A place holds what the convolutions saw around "
    "it, which is more than its own tile."
)
