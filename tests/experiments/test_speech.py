"""The speech experiment and its scripts, from end to end on three tones for three letters."""

import json
from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from leaving import status_of
from scipy.io import wavfile
from tolerances import FIRST_STEPS
from train.two_steps import check_two_by_four

from experiments import speech
from nnarch import train
from nnarch.data import speech as data
from nnarch.data.speech import SAMPLE_RATE, Spoken, sound
from nnarch.models.deep_speech import frames_after
from scripts import evaluate as evaluate_script
from scripts import transcribe as transcribe_script

HZ = {"a": 400, "b": 1000, "c": 2500, " ": 0}
TONE_SECONDS = 0.16
TEXTS = [first + " " + second for first, second in product(("a", "ab", "ca"), ("b", "bc", "c"))]


def spoken(text, *, rate=SAMPLE_RATE, loudness=0.3):
    """Float samples: each letter is a tone, with a little noise."""
    time = np.arange(int(TONE_SECONDS * rate)) / rate
    tones = [loudness * np.sin(2 * np.pi * HZ[letter] * time) for letter in text]
    noise = np.random.default_rng(len(text)).normal(0, 0.003, len(text) * len(time))
    return np.concatenate(tones) + noise


def split():
    recordings = [np.round(spoken(text) * 2**15).astype(np.int16) for text in TEXTS]
    return Spoken(sound(recordings), tuple(TEXTS), {"voice": ("tones",) * len(TEXTS)})


def load(name, *, folder=None, splits=None):
    names = ("train", "validation", "unseen_text", "unseen_voices", "unseen_both")
    return {name: split() for name in names}


@pytest.fixture(scope="module", autouse=True)
def tones():
    """The data set of this file instead of the utterances."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    speech._read.cache_clear()
    speech.baselines.cache_clear()


CONFIG = speech.Config(
    train=train.TrainConfig(
        steps=300,
        learning_rate=1e-2,
        warmup_steps=10,
        evaluate_every=100,
        checkpoint_every=150,
        mesh=train.MeshConfig(data=1),
    ),
    model=speech.DeepSpeechConfig(channels=4, hidden=16, layers=1, dropout=0.0),
    data=speech.DataConfig(batch_size=9, buckets=1, mels=20),
    augmentation=speech.AugmentationConfig(time_masks=0, band_masks=0),
    decode=speech.DecodeConfig(beam=4, batch_size=4),
)


@pytest.fixture(scope="module")
def workdir(tones, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "tones"
    description = {"experiment": "speech", "preset": "default", "config": train.to_json(CONFIG)}
    result = train.fit(speech.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(speech.build(CONFIG), workdir)[0]


def test_it_learns_the_letters_and_is_evaluated_both_ways(model):
    figures = speech.evaluate(CONFIG, model)
    assert list(figures) == ["test_unseen_text", "test_unseen_voices", "test_unseen_both"]
    for each in figures.values():
        assert each["cer"] == each["cer_beam"] == each["wer"] == each["sentence_errors"] == 0


def test_transcripts_keep_the_order_of_recordings_over_batches(model):
    assert speech.transcribe(CONFIG, model, split()) == TEXTS
    assert speech.transcribe(CONFIG, model, split(), search="greedy") == TEXTS


def test_the_nearest_recording_stands_beside():
    (name, figures), *_ = speech.baselines(CONFIG).items()
    assert "nearest" in name
    assert figures["test_unseen_voices"]["cer"] == 0  # the same recordings are in training here


def test_words_are_found_where_they_are_said(model):
    text = "ab c"
    recording = np.round(spoken(text) * 2**15).astype(np.int16)
    words = speech.words_of(speech.align(CONFIG, model, recording, text), text)
    assert [word.text for word in words] == ["ab", "c"]
    for word, (start, end) in zip(words, ((0, 2), (3, 4)), strict=True):
        middle = (word.start + word.end) / 2 / TONE_SECONDS
        assert start < middle < end, word


def test_a_text_that_does_not_fit_is_not_aligned(model):
    recording = np.round(spoken("a") * 2**15).astype(np.int16)
    aligned = speech.align(CONFIG, model, recording, "abc abc abc abc")
    assert aligned.log_prob == -np.inf
    assert speech.words_of(aligned, "abc abc abc abc") == []


def test_what_cannot_be_aligned_is_left_out_of_the_loss_and_counted():
    task = speech.build(CONFIG)
    batch = dict(next(task.batches.iterator()))
    model = task.create(jax.random.key(0))
    model.train()
    whole = task.loss(model, batch, jax.random.key(1))
    assert whole.weight == batch["label_lengths"].sum()
    assert whole.metrics["unaligned"] == (0, 9)
    batch["audio_lengths"] = batch["audio_lengths"].copy()
    batch["audio_lengths"][2] = 500  # two frames at most
    part = task.loss(model, batch, jax.random.key(1))
    assert part.metrics["unaligned"][0] == 1
    assert part.weight == whole.weight - batch["label_lengths"][2]
    assert 0 < part.total < whole.total


def test_a_loss_that_is_no_number_is_not_left_out():
    task = speech.build(CONFIG)
    batch = next(task.batches.iterator())
    model = task.create(jax.random.key(0))
    model.output.b[...] = jnp.full_like(model.output.b[...], jnp.nan)
    assert np.isnan(task.loss(model, batch, jax.random.key(1)).total)


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    config = replace(CONFIG, data=replace(CONFIG.data, batch_size=8))
    check_two_by_four(speech.build, config, FIRST_STEPS)


def test_presets_survive_json():
    for preset in speech.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(speech.Config, json.loads(text)) == preset


def test_evaluate_writes_figures_and_a_report(workdir, capsys):
    assert evaluate_script.main([str(workdir), "--beam", "2"]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert figures["test_unseen_text"]["cer_beam"] == 0
    page = (workdir / "report" / "index.html").read_text()
    assert "Texts never seen" in page
    assert "The worst errors" in page
    assert "cer" in capsys.readouterr().out


@pytest.fixture
def files(tmp_path):
    """The same words as WAV files of several kinds, and files that are none."""
    samples = spoken("ab c", rate=22_050)
    kinds = {
        "int16.wav": np.round(samples * 2**15).astype(np.int16),
        "float.wav": samples.astype(np.float32),
        "bytes.wav": np.round(samples * 127 + 128).astype(np.uint8),
        "stereo.wav": np.round(np.stack([samples, samples], 1) * 2**15).astype(np.int16),
    }
    for name, values in kinds.items():
        wavfile.write(tmp_path / name, 22_050, values)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.wav").write_text("no sound")
    wavfile.write(tmp_path / "silence.wav", 8000, np.zeros(8000, np.int16))
    wavfile.write(tmp_path / "blink.wav", 8000, np.zeros(10, np.int16))
    long = np.concatenate([spoken("ab c "), *[spoken("a b c ")] * 12])
    wavfile.write(tmp_path / "long.wav", SAMPLE_RATE, np.round(long * 2**15).astype(np.int16))
    return tmp_path


def test_transcribe_reads_any_rate_and_kind(workdir, files, capsys):
    names = [str(files / name) for name in ("int16.wav", "float.wav", "bytes.wav", "stereo.wav")]
    assert transcribe_script.main([str(workdir), *names]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: ab c" for name in names]


def test_transcribe_takes_silence_and_what_is_longer_or_shorter_than_all_of_training(
    workdir, files, capsys
):
    names = [str(files / name) for name in ("silence.wav", "blink.wav", "long.wav")]
    assert transcribe_script.main([str(workdir), *names]) == 0
    silence, blink, long = capsys.readouterr().out.splitlines()
    assert len(silence) < len(names[0]) + 12
    assert blink == f"{names[1]}: "
    assert long.startswith(f"{names[2]}: ab c")


def test_transcribe_names_what_is_no_sound_and_tells_the_others(workdir, files, capsys):
    names = [str(files / name) for name in ("empty.wav", "int16.wav", "notes.wav", "absent.wav")]
    assert transcribe_script.main([str(workdir), *names]) == 1
    out, err = capsys.readouterr()
    assert out == f"{names[1]}: ab c\n"
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 3


def test_align_prints_when_each_word_is_said(workdir, files, capsys):
    name = str(files / "int16.wav")
    assert transcribe_script.main([str(workdir), name, "--align", "ab c"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("ab")
    assert second.endswith("c")


@pytest.mark.parametrize(
    ("text", "message"),
    [("abc " * 40, "too short for that text"), ("", "none is given"), ("A?", "characters")],
)
def test_align_tells_what_is_wrong_with_a_text(workdir, files, capsys, text, message):
    name = str(files / "int16.wav")
    assert transcribe_script.main([str(workdir), name, "--align", text]) == 1
    assert message in capsys.readouterr().err


def test_help_and_a_missing_text_print_how_to_use_it(capsys):
    assert status_of(transcribe_script.main, "--help") == 0
    assert "\n$ transcribe.py runs/a" in capsys.readouterr().out
    assert status_of(transcribe_script.main, "runs/a", "file.wav", "--align") == 2
    assert "Missing value for argument '--align'" in capsys.readouterr().err


def test_the_configuration_reaches_the_model():
    config = replace(CONFIG, model=replace(CONFIG.model, cell="gru", layers=2))
    model = speech.build(config).create(jax.random.key(0))
    assert len(model.recurrent) == 2
    assert type(model.recurrent[0].forward).__name__ == "GRU"


def test_a_frame_of_the_net_is_as_long_as_the_set_counts_them():
    assert [int(frames_after(data.STRIDE * frames)) for frames in (1, 7)] == [1, 7]
    assert int(frames_after(data.STRIDE + 1)) == 2
