"""Speech to text: Deep Speech 2 in small, trained by CTC on utterances that a machine speaks.

The utterances are synthesised, numbers, spelled words and short commands in a hundred voices with
noise and rooms, and so are the tests. Asked are texts that training never held (`unseen_text`),
voices that it never heard (`unseen_voices`), and both at once (`unseen_both`). `--data.name
librispeech` trains on people reading instead.
"""

from collections.abc import Sequence
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

from experiments._ctc import at_even_distances, batch_loss, best_labels
from nnarch import report as page
from nnarch.data import characters
from nnarch.data import speech as data
from nnarch.data.pipeline import Batches, evaluation_batches
from nnarch.data.speech import HOP, SAMPLE_RATE, STRIDE, Spoken
from nnarch.kernels import ctc_align
from nnarch.metrics.nearest import nearest
from nnarch.metrics.splits import Figures, Quoted, over_tests, test_name
from nnarch.metrics.transcripts import error_rates
from nnarch.models.deep_speech import DeepSpeech, DeepSpeechConfig
from nnarch.signal.spec_augment import spec_augment
from nnarch.signal.spectrogram import log_mel, normalise
from nnarch.train import Loss, Task, TrainConfig, check_counts

FRAME_SECONDS = HOP * STRIDE / SAMPLE_RATE


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is cut into batches."""

    name: Literal["utterances", "librispeech"] = "utterances"
    """The set of utterances."""
    batch_size: int = 16
    """Utterances of a batch, over all devices."""
    buckets: int = 4
    """Lengths that batches are padded to; each costs a compilation."""
    mels: int = 40
    """Bands of the spectrogram."""
    folder: str = ""
    """Where prepared sets lie; the cache folder if none is named."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


@dataclass(frozen=True)
class AugmentationConfig:
    """What training hides of a spectrogram: see nnarch.signal.spec_augment."""

    time_masks: int = 2
    """Stretches of frames of each utterance."""
    longest_time: int = 20
    """Longest stretch, in frames of 10 ms."""
    band_masks: int = 2
    """Stretches of bands of each utterance."""
    widest_band: int = 8
    """Widest stretch, in bands of the spectrogram."""


@dataclass(frozen=True)
class DecodeConfig:
    """How a transcript is looked for."""

    beam: int = 16
    """Prefixes that the beam search follows."""
    batch_size: int = 32
    """Utterances that are transcribed at once."""

    def __post_init__(self) -> None:
        """Refuses a count of nothing."""
        check_counts(self)


TRAINING = TrainConfig(
    steps=6000,
    learning_rate=2e-3,
    warmup_steps=300,
    weight_decay=0.05,
    average=0.998,
    evaluate_every=1000,
    checkpoint_every=500,
)
MODEL = DeepSpeechConfig()


@dataclass(frozen=True)
class Config:
    """All of the experiment."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TRAINING
    model: DeepSpeechConfig = MODEL
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    decode: DecodeConfig = DecodeConfig()


PRESETS = {"default": Config()}


def build(config: Config, *, process_index: int = 0, process_count: int = 1) -> Task:
    """The model, the loss, the batches, and what picks the best step."""
    splits = _read(config.data)

    def create(key: Array) -> DeepSpeech:
        return DeepSpeech(config.model, mels=config.data.mels, classes=characters.CLASSES, key=key)

    def validate(model: DeepSpeech) -> Figures:
        split = splits["validation"]
        told = transcribe(config, model, split, search="greedy")
        return _figures({"": told}, split)

    return Task(
        name="speech",
        create=create,
        loss=partial(_loss, config),
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


def _loss(config: Config, model: DeepSpeech, batch: dict[str, Array], key: Array) -> Loss:
    for_masks, for_dropout = jax.random.split(key)
    spectrograms, lengths = _features(config.data, batch["audio"], batch["audio_lengths"])
    change = config.augmentation
    spectrograms = spec_augment(
        for_masks,
        spectrograms,
        lengths,
        time_masks=change.time_masks,
        longest_time=change.longest_time,
        band_masks=change.band_masks,
        widest_band=change.widest_band,
    )
    logits, lengths = model(spectrograms, lengths, key=for_dropout)
    return batch_loss(logits, lengths, batch)


def _features(config: DataConfig, audio: Array, lengths: Array) -> tuple[Array, Array]:
    """int16 [B, S] and their lengths -> spectrograms [B, T, mels] and theirs."""
    spectrograms, lengths = log_mel(audio, lengths, sample_rate=SAMPLE_RATE, mels=config.mels)
    return normalise(spectrograms, lengths), lengths


@cache
def _read(config: DataConfig) -> dict[str, Spoken]:
    return data.load(config.name, folder=config.folder or None)


def transcribe(
    config: Config,
    model: DeepSpeech,
    split: Spoken,
    *,
    search: Literal["greedy", "beam"] = "beam",
) -> list[str]:
    """What is said in each recording."""
    return [characters.decode(labels) for labels in _decoded(config, model, split, search)]


def _decoded(config: Config, model: DeepSpeech, split: Spoken, search: str) -> list[np.ndarray]:
    graph, state = nnx.split(model)
    beam = config.decode.beam if search == "beam" else 0
    found = []
    for batch in evaluation_batches(data.audio_alone(split.audio), config.decode.batch_size):
        labels, lengths = _search(
            graph, config.data, beam, state, batch["audio"], batch["audio_lengths"]
        )
        rows = zip(np.asarray(labels), np.asarray(lengths), batch["valid"], strict=True)
        found += [row[:length] for row, length, valid in rows if valid]
    return found


@partial(jax.jit, static_argnums=(0, 1, 2))
def _search(
    graph: nnx.GraphDef, config: DataConfig, beam: int, state: nnx.State, audio: Array, lengths
) -> tuple[Array, Array]:
    return best_labels(*nnx.merge(graph, state)(*_features(config, audio, lengths)), beam=beam)


class Alignment(NamedTuple):
    """What a recording's frames say."""

    spectrogram: np.ndarray  # [F, mels]
    probabilities: np.ndarray  # [T, classes]
    frames: np.ndarray  # int32 [T]: the character or blank of each, on the likeliest path
    log_prob: float  # of that path; -inf where the text cannot be aligned


def align(config: Config, model: DeepSpeech, recording: np.ndarray, text: str) -> Alignment:
    """Where a text is said in a recording, int16 [samples].

    Raises:
      ValueError: the text has a character that has no class.
    """
    graph, state = nnx.split(model)
    labels = characters.encode(text)[None]
    lengths = np.array([len(recording)], np.int32)
    found = _align(graph, config.data, state, recording[None], lengths, labels)
    spectrogram, probabilities, frames, log_prob = map(np.asarray, found)
    return Alignment(spectrogram[0], probabilities[0], frames[0], float(log_prob[0]))


@partial(jax.jit, static_argnums=(0, 1))
def _align(graph, config: DataConfig, state, audio: Array, lengths: Array, labels: Array):
    spectrogram, frames = _features(config, audio, lengths)
    logits, frames = nnx.merge(graph, state)(spectrogram, frames)
    label_lengths = jnp.full(len(labels), labels.shape[1])
    path, log_prob = ctc_align(logits, frames, labels, label_lengths)
    return spectrogram, jax.nn.softmax(logits), path, log_prob


def words_of(alignment: Alignment, text: str) -> list[page.WordTime]:
    """When each word is said; none where the text cannot be aligned."""
    if alignment.log_prob == -np.inf:
        return []
    return page.word_times(
        alignment.frames, text, blank=characters.BLANK, frame_seconds=FRAME_SECONDS
    )


def evaluate(config: Config, model: DeepSpeech) -> dict[str, Figures]:
    """Error rates of every test split, greedy and by beam search, in percent."""

    def hear(split: Spoken) -> Figures:
        heard = {
            "": transcribe(config, model, split, search="greedy"),
            "_beam": transcribe(config, model, split, search="beam"),
        }
        return _figures(heard, split)

    return over_tests(_read(config.data), hear)


@cache
def baselines(config: Config) -> dict[str, dict[str, Figures]]:
    """What stands beside `evaluate`: the text of the training recording whose spectrogram, brought
    to one length, is nearest.
    """
    splits = _read(config.data)
    keys = _of_one_length(config.data, splits["train"])

    def hear(split: Spoken) -> Figures:
        found = nearest(_of_one_length(config.data, split), keys)
        return _figures({"": [splits["train"].texts[place] for place in found]}, split)

    return {"nearest recording": over_tests(splits, hear)}


def _of_one_length(config: DataConfig, split: Spoken, frames: int = 64) -> np.ndarray:
    """Spectrograms [N, frames, mels], read at even distances."""
    found = []
    for batch in evaluation_batches(data.audio_alone(split.audio), 32):
        spectrograms, lengths = jax.jit(_features, static_argnums=0)(
            config, batch["audio"], batch["audio_lengths"]
        )
        rows = zip(np.asarray(spectrograms), np.asarray(lengths), batch["valid"], strict=True)
        found += [
            row[np.linspace(0, length - 1, frames).round().astype(int)]
            for row, length, valid in rows
            if valid
        ]
    return np.stack(found)


def _figures(heard: dict[str, Sequence[str]], split: Spoken) -> Figures:
    figures = {}
    for suffix, transcripts in heard.items():
        rates = error_rates(transcripts, split.texts)
        figures |= {
            f"cer{suffix}": rates.characters,
            f"wer{suffix}": rates.words,
            f"sentence_errors{suffix}": rates.sentences,
        }
    return figures


def report(config: Config, model: DeepSpeech, workdir: Path, *, best_step: int | None) -> Path:
    """Writes the page of a run: what it hears in recordings it never heard, and where."""
    splits = _read(config.data)
    run = page.read_run(workdir)
    beside = baselines(config)
    tests = {name: split for name, split in splits.items() if name in TESTS}
    heard = {name: transcribe(config, model, split) for name, split in tests.items()}
    sections = [
        page.spikes_section(
            title,
            _examples(config, model, tests[name], at_even_distances(len(heard[name]), SHOWN)),
            CLASS_NAMES,
            note=f"{note} {HOW_TO_READ}",
        )
        for name, (title, note) in TESTS.items()
        if name in tests
    ]
    sections += [_worst(config, model, tests, heard)] if tests else []
    return page.write_report(
        workdir,
        title="Speech to text",
        introduction=INTRODUCTION,
        sections=sections,
        highlights=page.highlights_beside(run.results, beside, HIGHLIGHTS),
        baselines=beside,
        columns=COLUMNS,
        splits={test_name(name): title for name, (title, _) in TESTS.items()},
        presets=PRESETS,
        best_step=best_step,
    )


INTRODUCTION = (
    "Two convolutions and recurrent layers in both directions read a spectrogram and give each of "
    "its frames a character or a blank (Deep Speech 2, Amodei et al. 2015; CTC, Graves et al. "
    "2006). Which frame is which character is never told in training. The recordings are "
    "synthesised by espeak-ng."
)

HOW_TO_READ = (
    "Above, the spectrogram, and the words of the true text where the likeliest alignment has "
    "them; below, the probability of each character over time, the blank's in grey."
)

# Split -> what its recordings are called, and what is to be known of them.
TESTS = {
    "unseen_text": ("Texts never seen", "Said in voices that training heard."),
    "unseen_voices": ("Voices never heard", "Saying texts that training held."),
    "unseen_both": ("Texts never seen in voices never heard", ""),
    "test_clean": ("People never heard", ""),
    "test_other": ("People never heard, harder to understand", ""),
}

CLASS_NAMES = ("blank", *("␣" if c == " " else c for c in characters.CHARACTERS))

COLUMNS = (
    page.Column("cer", "characters, %", better="min"),
    page.Column("cer_beam", "characters, beam, %", better="min"),
    page.Column("wer", "words, %", better="min"),
    page.Column("wer_beam", "words, beam, %", better="min"),
    page.Column("sentence_errors", "sentences, %", better="min"),
)

HIGHLIGHTS = {
    (f"test_{name}", "cer"): f"of characters wrong: {TESTS[name][0].lower()}"
    for name in ("unseen_text", "unseen_voices")
}
SHOWN = 4  # recordings of each kind

# Of all figures, those that results are quoted by: title, split, figure.
QUOTED = (
    Quoted("unseen text: characters", "test_unseen_text", "cer"),
    Quoted("by beam search", "test_unseen_text", "cer_beam"),
    Quoted("words", "test_unseen_text", "wer"),
    Quoted("unseen voices: characters", "test_unseen_voices", "cer"),
    Quoted("by beam search", "test_unseen_voices", "cer_beam"),
    Quoted("words", "test_unseen_voices", "wer"),
)


def _worst(
    config: Config, model: DeepSpeech, tests: dict[str, Spoken], heard: dict[str, list[str]]
) -> page.Section:
    """The recordings of all test splits with the most wrong characters."""
    errors = [
        (error_rates([told], [text]).characters, name, place)
        for name, split in tests.items()
        for place, (told, text) in enumerate(zip(heard[name], split.texts, strict=True))
    ]
    examples = []
    for _, name, place in sorted(errors, reverse=True)[:6]:
        examples += _examples(config, model, tests[name], [place])
    return page.spikes_section("The worst errors", examples, CLASS_NAMES)


def _examples(
    config: Config, model: DeepSpeech, split: Spoken, places: Sequence[int]
) -> list[page.Recording]:
    audio = data.sound([split.recording(place) for place in places])
    texts = tuple(split.texts[place] for place in places)
    told = transcribe(config, model, replace(split, audio=audio, texts=texts, details={}))
    return [
        _recording(config, model, split, place, words)
        for place, words in zip(places, told, strict=True)
    ]


def _recording(
    config: Config, model: DeepSpeech, split: Spoken, place: int, told: str
) -> page.Recording:
    sound, text = split.recording(place), split.texts[place]
    aligned = align(config, model, sound, text)
    return page.Recording(
        truth=text,
        transcript=told,
        features=aligned.spectrogram,
        probabilities=aligned.probabilities,
        extent=len(sound) / SAMPLE_RATE,
        words=words_of(aligned, text),
        note=", ".join(values[place] for values in split.details.values()),
    )
