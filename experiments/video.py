"""What happens in a video, told in a sentence: and in which order.

Handwritten digits enter, move, bounce, swap and leave, two or three events a clip: "the three moves
left then the seven falls". An S2VT reads the frames and then tells (Venugopalan et al. 2015);
`--preset mean_pool` sees the frames' mean alone, `--preset attention` looks at frames before each
word (Yao et al. 2015). Half of all clips are others backward, so that whoever sees the frames
without their order can tell the order of at most half of them. `--data.name` takes a set of videos
that tensorflow-datasets prepared.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from flax import nnx
from jax import Array

from experiments._batches import over_batches
from experiments._beside import runs_beside
from experiments._captioned import compared
from experiments._sentence_search import DecodeConfig, best_sentences
from experiments._told_clips import DRAWN, DataConfig, read
from nnarch import report as page
from nnarch.data import moving_digits as digits
from nnarch.data.captions import Captioned
from nnarch.data.vocabulary import START
from nnarch.losses import masked_cross_entropy
from nnarch.metrics.bleu import bleu
from nnarch.metrics.cider import cider_d
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.models.video_captioner import VideoCaptioner, VideoCaptionerConfig, video_captioner
from nnarch.signal.pictures import to_float
from nnarch.train import Loss, Task, TrainConfig

TRAINING = TrainConfig(
    steps=30_000,
    learning_rate=3e-3,
    warmup_steps=200,
    weight_decay=0.05,
    average=0.998,
    evaluate_every=2000,
    checkpoint_every=2000,
    log_every=100,
)
MODEL = VideoCaptionerConfig()
DECODE = DecodeConfig(batch_size=50)
DATA = DataConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: VideoCaptionerConfig = MODEL
    data: DataConfig = DATA
    decode: DecodeConfig = DECODE


PRESETS = {
    "default": Config(),
    "mean_pool": Config(model=replace(MODEL, decoder="mean_pool")),
    "attention": Config(model=replace(MODEL, decoder="attention")),
}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    source = read(config.data)

    def create(key: Array) -> VideoCaptioner:
        return video_captioner(
            config.model,
            vocabulary=len(source.vocabulary),
            size=config.data.size,
            channels=config.data.channels,
            start=START,
            key=key,
        )

    def validate(model: VideoCaptioner) -> Figures:
        greedy = replace(config, decode=replace(config.decode, beam=1))
        split = source.splits["validation"]
        return _figures(tell(greedy, model, split.pictures), split)

    return Task(
        name="video",
        create=create,
        loss=_loss,
        batches=source.batches(
            seed=config.train.seed, process_index=process_index, process_count=process_count
        ),
        validate=validate,
        best="exact_match" if config.data.name == DRAWN else "cider",
        best_is="max",
    )


def _loss(model: VideoCaptioner, batch: dict[str, Array], key: Array) -> Loss:
    tokens, lengths = batch["tokens"], batch["lengths"]
    logits = model(to_float(batch["picture"]), tokens, lengths, key=key)
    return Loss(*masked_cross_entropy(logits, tokens, lengths), {})


def tell(config: Config, model: VideoCaptioner, clips: np.ndarray) -> list[str]:
    """Tells each clip, uint8 [N, T, S, S, channels], in words."""
    vocabulary = read(config.data).vocabulary
    return [
        " ".join(vocabulary.decode(tokens))
        for tokens in best_sentences(config.decode, model, clips)
    ]


def look(config: Config, model: VideoCaptioner, clips: np.ndarray) -> list[page.AttentionMap]:
    """Tells each clip, uint8 [N, T, S, S, channels], and which frames each word looked at.

    Raises:
      ValueError: the model does not attend.
    """
    if config.model.decoder != "attention":
        raise ValueError(
            "expected a run that attends to frames; this one does not. Train one: "
            "python scripts/train.py video --preset attention"
        )
    tokens = best_sentences(config.decode, model, clips)
    shares = over_batches(
        config.decode.batch_size, _attended, model, {"picture": clips, "tokens": tokens}
    )
    numbers = tuple(str(frame + 1) for frame in range(clips.shape[1]))
    told = map(read(config.data).vocabulary.decode, tokens)
    rows = [(*words, END_SHOWN)[: shares.shape[1]] for words in told]
    return [
        page.AttentionMap(words, numbers, each[: len(words)])
        for words, each in zip(rows, shares, strict=True)
    ]


END_SHOWN = "(end)"


@partial(jax.jit, static_argnums=0)
def _attended(graph: nnx.GraphDef, state: nnx.State, batch: dict[str, Array]) -> Array:
    return nnx.merge(graph, state).attend(to_float(batch["picture"]), batch["tokens"])


def evaluate(config: Config, model: VideoCaptioner) -> dict[str, Figures]:
    """The figures of every test split, under "test_" and its name; shares are in percent."""
    splits = read(config.data).splits
    return over_tests(splits, lambda split: _figures(tell(config, model, split.pictures), split))


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the commonest training sentence, whatever the clip; and of
    drawn clips what is to be had at most without the order of the frames.
    """
    source = read(config.data)
    (commonest, _), *_ = Counter(source.training_sentences).most_common(1)
    said = " ".join(commonest)
    beside = {
        "without looking": over_tests(
            source.splits, lambda split: _figures([said] * len(split), split)
        )
    }
    if config.data.name == DRAWN:
        beside[AT_MOST] = over_tests(source.splits, lambda split: HALF)
    return beside


AT_MOST = "without the order of frames, at most"
# Each clip of a test set is there backward too, with the same frames and never the same order.
HALF = {"order": 50.0, "exact_match": 50.0}


def _figures(told: Sequence[str], split: Captioned) -> Figures:
    """What sentences are worth; the order's figures where sentences tell events."""
    references = [[" ".join(words) for words in each] for each in split.captions]
    exact = [said in accepted for said, accepted in zip(told, split.accepted, strict=True)]
    figures = {
        "exact_match": 100 * float(np.mean(exact)),
        "bleu4": bleu(told, references, tokenize="none").bleu4,
        "cider": cider_d(told, references).mean,
    }
    return figures | _order_figures(told, [each[0] for each in references])


def _order_figures(told: Sequence[str], truths: Sequence[str]) -> Figures:
    """Percent of the clips of which the order of events is told right: what is done, one after the
    other, and whether the same digit does it, whatever it is called; and of which all digits that
    act are named. Nothing, where a true sentence tells no events.
    """
    true = [digits.parse(text) for text in truths]
    if None in true:
        return {}
    said = [digits.parse(text) or [] for text in told]
    pairs = [*zip(said, true, strict=True)]
    order = [digits.told_pattern(a) == digits.told_pattern(b) for a, b in pairs]
    names = [_names(a) == _names(b) for a, b in pairs]
    return {"order": 100 * float(np.mean(order)), "names": 100 * float(np.mean(names))}


def _names(events: Sequence[digits.Event]) -> set[str]:
    return {name for names, _ in events for name in names}


def report(config: Config, model: VideoCaptioner, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: clips that play, with what is true and what was told."""
    splits = read(config.data).splits
    run, beside = page.read_run(workdir), baselines(config)
    tests = {name: splits[name] for name in splits if name not in ("train", "validation")}
    by_chance = {name: figures for name, figures in beside.items() if name == AT_MOST}
    attends = config.model.decoder == "attention"
    sections = [_looked(config, model, split) for split in [*tests.values()][: int(attends)]]
    for name, split in tests.items():
        title, note = TEST_SETS.get(name, (f"Clips never seen: {name}", ""))
        examples = _examples(tell(config, model, split.pictures), split)
        sections.append(page.gallery_section(title, examples, note=note))
    return page.write_report(
        workdir,
        title="What happens in a video",
        introduction=INTRODUCTIONS[config.model.decoder],
        sections=sections,
        highlights=page.highlights_beside(run.results, by_chance, HIGHLIGHTS),
        baselines=beside | runs_beside(config.data, workdir, option="decoder"),
        columns=COLUMNS,
        splits={
            test_name(name): TEST_SETS.get(name, (f"Clips never seen: {name}", ""))[0]
            for name in tests
        },
        results_note=ORDER if config.data.name == DRAWN else "",
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTIONS = {
    "s2vt": (
        "A convolutional network reads each frame of a clip; one stack of two LSTMs reads all "
        "frames and then tells what happened, word by word (S2VT, Venugopalan et al. 2015)."
    ),
    "mean_pool": (
        "A convolutional network reads each frame of a clip; two LSTMs see the mean of all frames "
        "and tell what happened, word by word (Venugopalan et al. 2014). What came first is lost."
    ),
    "attention": (
        "A convolutional network reads each frame of a clip; an LSTM tells what happened, and "
        "looks at frames before each word (Yao et al. 2015)."
    ),
}
ORDER = (
    "The order is right where the same things are told to be done one after the other as are true, "
    "and by the same digit where it is the same, whatever it is called; names: all digits that act "
    "are named, and no other. Each clip of a test set is there backward too, with the same frames, "
    "and no clip's order is right of it backward: without the order of frames nothing can be right "
    "of more than half of them."
)
TEST_SETS = {
    "test": ("Digits never seen", "Handwritten by others than those that training shows."),
    "combinations": (
        "Combinations never seen",
        "Two digits that training never showed together, and in a row two events that it never "
        "showed in a row; the digits' pictures are new, too.",
    ),
}
COLUMNS = (
    page.Column("order", "order right, %"),
    page.Column("exact_match", "sentence right, %"),
    page.Column("names", "names right, %"),
    page.Column("bleu4", "BLEU-4"),
    page.Column("cider", "CIDEr-D", "{:.2f}"),
)

HIGHLIGHTS = {
    (test_name(name), "order"): f"told in the right order: {title.lower()}"
    for name, (title, _) in TEST_SETS.items()
}

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("order right", "test", "order"),
    Quoted("sentence right", "test", "exact_match"),
    Quoted("BLEU-4", "test", "bleu4"),
    Quoted("CIDEr-D", "test", "cider"),
    Quoted("combinations: order right", "test_combinations", "order"),
    Quoted("sentence right", "test_combinations", "exact_match"),
    Quoted("names right", "test_combinations", "names"),
)


def _examples(told: Sequence[str], split: Captioned) -> list[page.Example]:
    return [
        page.Example(*compared(said, accepted), picture=_still(clip), clip=clip)
        for said, accepted, clip in zip(told, split.accepted, split.pictures, strict=True)
    ]


STILL = 4  # frames that stand for a clip where it cannot play


def _still(clip: np.ndarray) -> np.ndarray:
    """Frames beside each other, two by two: uint8 [2 S, 2 S] or [2 S, 2 S, 3]."""
    places = np.linspace(0, len(clip) - 1, STILL).round().astype(int)
    shown = clip[places, ..., 0] if clip.shape[-1] == 1 else clip[places]
    return np.concatenate([np.concatenate(pair, axis=1) for pair in (shown[:2], shown[2:])])


LOOKED_AT = 3  # clips of which it is shown


def _looked(config: Config, model: VideoCaptioner, split: Captioned) -> page.Section:
    """Which frames each word looked at, for clips at even distances through a test set."""
    rows = np.unique(np.linspace(0, len(split), LOOKED_AT, endpoint=False, dtype=int))
    maps = look(config, model, split.take(rows).pictures)
    return page.attention_section("Where it looked", maps, note=WHERE)


WHERE = (
    "Downward the words that were told, to the right the frames of the clip: the share of its "
    "attention that each frame has before a word is told."
)
