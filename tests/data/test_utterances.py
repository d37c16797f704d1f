"""The builder, on a few dozen utterances; the plan, in full; the engine and the acoustics alone."""

from collections import Counter
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest
from scipy.signal import welch

from nnarch.data import characters, speech
from nnarch.data.fetch import DataMissing
from nnarch.data.speech import SAMPLE_RATE
from nnarch.data.utterances import builder, engine
from nnarch.data.utterances.acoustics import Conditions, coloured_noise, impulse_response, record
from nnarch.data.utterances.builder import DETAILS, SEED, SPLITS, Utterances, load
from nnarch.data.utterances.engine import Request, speak
from nnarch.data.utterances.plan import Sizes, plan
from nnarch.data.utterances.texts import KINDS, draw, in_words
from nnarch.data.utterances.voices import ACCENTS, FAMILIES, training_and_unseen

FEW = Sizes(number=40, spelled=40, command=60, test=0.1, takes=1, unseen_voices=9)


@pytest.fixture(scope="module")
def few():
    with pytest.MonkeyPatch.context() as patch:
        for config in Utterances.BUILDER_CONFIGS:
            patch.setattr(config, "sizes", FEW)
        yield


@pytest.fixture(scope="module")
def folder(few, tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(scope="module")
def splits(folder):
    return speech.load("utterances", folder=folder)


@pytest.fixture(scope="module")
def whole():
    """The plan of the true set: nothing is spoken."""
    return plan(Sizes(), SEED)


def texts(utterances):
    return {utterance.request.text for utterance in utterances}


def words(utterances):
    return {word for text in texts(utterances) for word in text.split()}


def test_splits_hold_what_was_planned(splits):
    planned = plan(FEW, SEED)
    assert tuple(splits) == SPLITS
    for name, split in splits.items():
        assert Counter(split.texts) == Counter(u.request.text for u in planned[name])
        assert split.audio.values.dtype == np.int16
        assert set(split.details) == set(DETAILS)
        by_text = {u.request.text: u for u in planned[name]}
        for row, text in enumerate(split.texts):
            recording = split.recording(row)
            assert speech.has_room_for(text, len(recording))
            assert 0.7 * SAMPLE_RATE <= len(recording) <= 5 * SAMPLE_RATE
            assert np.abs(recording).max() > 100
            assert split.details["kind"][row] == by_text[text].kind
            assert split.details["voice"][row] == by_text[text].voice.name
    assert len(splits["unseen_voices"]) == 9


def test_the_same_set_is_made_each_time(few, splits, tmp_path):
    again = load(folder=tmp_path)
    for name, split in splits.items():
        assert again[name].texts == split.texts
        np.testing.assert_array_equal(again[name].audio.values, split.audio.values)


def test_it_is_made_once(folder, splits, monkeypatch):
    monkeypatch.setattr(builder, "speak", None)
    again = load(folder=folder, splits=["unseen_both"])
    assert again.keys() == {"unseen_both"}
    np.testing.assert_array_equal(
        again["unseen_both"].audio.values, splits["unseen_both"].audio.values
    )


def test_the_description_says_that_it_is_synthesised_and_by_what(folder, splits):
    info = Utterances(data_dir=folder).info
    assert info.description.startswith("Synthesised speech, not recorded from people")
    assert "espeakng-loader==0.2.4" in info.description
    assert "GPL-3.0-or-later" in info.redistribution_info.license


def test_what_is_too_short_for_its_text_is_left_out_and_counted(
    few, splits, tmp_path, monkeypatch, caplog
):
    unwanted = splits["validation"].texts[0]
    monkeypatch.setattr(builder, "has_room_for", lambda text, samples: text != unwanted)
    fewer = load(folder=tmp_path, splits=["validation"])
    assert set(fewer["validation"].texts) == set(splits["validation"].texts) - {unwanted}
    assert "validation: left out 1 utterances too short" in caplog.text


def test_without_the_engine_the_remedy_is_told(few, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(DataMissing, match=r"Run pip install espeakng-loader==0\.2\.4"):
        load(folder=tmp_path)
    assert not list(tmp_path.rglob("*.array_record*"))


def test_a_split_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"got \['test'\]\. Name those"):
        load(folder=tmp_path, splits=["test"])


def test_the_true_set_is_as_large_as_it_is_said_to_be(whole):
    assert {split: len(utterances) for split, utterances in whole.items()} == {
        "train": 10_664,
        "validation": 372,
        "unseen_text": 496,
        "unseen_voices": 500,
        "unseen_both": 496,
    }
    for utterances in whole.values():
        kinds = Counter(utterance.kind for utterance in utterances)
        assert set(kinds) == set(KINDS)
        assert min(kinds.values()) > 0.2 * len(utterances)


def test_no_held_out_text_is_trained_on(whole):
    assert not texts(whole["train"]) & texts(whole["unseen_text"] + whole["validation"])
    assert not texts(whole["validation"]) & texts(whole["unseen_text"])
    assert texts(whole["unseen_both"]) == texts(whole["unseen_text"])
    assert texts(whole["unseen_voices"]) < texts(whole["train"])


@pytest.mark.parametrize("sizes", [Sizes(), FEW])
def test_every_word_that_is_held_out_was_heard(sizes):
    planned = plan(sizes, SEED)
    assert words(planned["unseen_text"]) | words(planned["validation"]) <= words(planned["train"])


def test_no_unseen_speaker_is_heard_with_any_accent(whole):
    heard, unseen = (
        {utterance.voice.variant for name in names for utterance in whole[name]}
        for names in (("train", "validation", "unseen_text"), ("unseen_voices", "unseen_both"))
    )
    assert not heard & unseen
    for family in FAMILIES:
        assert set(family) <= heard or set(family) <= unseen
    assert {utterance.voice.accent for utterance in whole["unseen_voices"]} == set(ACCENTS)


def test_voices_are_those_that_the_engine_has():
    folder = Path(espeakng_loader.get_data_path())
    variants = [variant for family in FAMILIES for variant in family]
    assert len(set(variants)) == len(variants) == 88
    for variant in variants:
        assert (folder / "voices" / "!v" / variant).is_file()
    names = {file.name.lower() for file in (folder / "lang" / "gmw").iterdir()}
    assert names >= set(ACCENTS)
    trained, unseen = training_and_unseen(np.random.default_rng(0))
    assert len(trained) + len(unseen) == 88 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_texts_differ_and_are_of_the_characters_alone(kind):
    drawn, same, other = (draw(kind, 300, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert drawn == same != other
    assert len(set(drawn)) == 300
    for text in drawn:
        assert characters.decode(characters.encode(text)) == " ".join(text.split())
        if kind == "spelled":
            assert set(map(len, text.split())) == {1}


def test_more_texts_than_there_are_cannot_be_had(monkeypatch):
    monkeypatch.setitem(KINDS, "number", lambda rng: str(rng.integers(3)))
    assert sorted(draw("number", 3, np.random.default_rng(0))) == ["0", "1", "2"]
    with pytest.raises(ValueError, match=r"it gave 3\. Ask for fewer"):
        draw("number", 4, np.random.default_rng(0))
    with pytest.raises(ValueError, match="Name one"):
        draw("song", 1, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety nine"),
        (305, "three hundred and five"),
        (1000, "one thousand"),
        (1011, "one thousand and eleven"),
        (9430, "nine thousand four hundred and thirty"),
    ],
)
def test_numbers_in_words(number, said):
    assert in_words(number) == said


def request(text, voice="en+m1", *, spelled=False):
    return Request(text, voice, 150, 50, 50, 0, spelled)


def test_the_engine_says_letters_by_their_names():
    """Among words, "a" is said as the article, which is short."""
    letters, articles = (request("b a n a n a", spelled=spelled) for spelled in (True, False))
    asked = [letters, articles, request("w w w w", spelled=True)]
    letters_s, articles_s, longest_s = (len(sound) / rate for sound, rate in speak(asked))
    assert letters_s > 1.15 * articles_s
    assert letters_s < longest_s < 3  # "double u", four times, and no markup read out


def test_the_engine_says_the_same_again_in_a_fresh_process():
    asked = [request("turn on the light", voice) for voice in ("en+m1", "en-us+f2", "en+m1")]
    first, second = (list(speak(asked)) for _ in range(2))
    for (sound, rate), (again, _) in zip(first, second, strict=True):
        assert rate == 22_050
        np.testing.assert_array_equal(sound, again)


@pytest.mark.parametrize("voice", ["en+nobody", "xx", "xx+m1"])
def test_a_voice_that_there_is_not_is_told(voice):
    with pytest.raises(DataMissing, match=rf"no voice '{voice.replace('+', '.')}'.*pip install"):
        list(speak([request("one"), request("two", voice)]))


STILL = Conditions(0, 0, snr_db=200, noise_slope=0, level_db=-20, before_s=0.1, after_s=0.2)


def test_a_recording_is_the_voice_with_pauses_at_a_level():
    tone = np.round(9000 * np.sin(0.1 * np.arange(22_050))).astype(np.int16)
    voice = np.pad(tone, (4000, 7000))  # pauses of the engine's own
    recorded = record(voice, 22_050, STILL, np.random.default_rng(0)) / 2**15
    assert len(recorded) == pytest.approx(1.3 * SAMPLE_RATE, abs=5)
    level = 20 * np.log10(np.sqrt(np.mean(recorded**2)))
    assert level == pytest.approx(-20, abs=0.1)
    assert np.abs(recorded[:1500]).max() < 1e-3  # but for what the resampling filter rings
    assert np.abs(recorded[-3000:]).max() < 1e-3


def test_a_short_voice_is_filled_up():
    voice = np.full(100, 1000, np.int16)
    assert len(record(voice, 16_000, STILL, np.random.default_rng(0))) == 0.7 * SAMPLE_RATE


def test_noise_is_as_loud_as_it_is_said_to_be():
    voice = np.round(9000 * np.sin(0.1 * np.arange(16_000))).astype(np.int16)
    noisy = Conditions(**vars(STILL) | {"snr_db": 10})
    recorded = record(voice, 16_000, noisy, np.random.default_rng(0)).astype(float)
    pause, speech = np.mean(recorded[:1600] ** 2), np.mean(recorded**2)
    # The voice's power is over pauses too: of the whole, noise is a part in 11.
    assert 10 * np.log10(speech / pause - 1) == pytest.approx(10, abs=0.7)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_falls_by_its_slope(slope):
    noise = coloured_noise(80_000, slope, np.random.default_rng(0))
    assert np.mean(noise**2) == pytest.approx(1)
    frequencies, power = welch(noise, SAMPLE_RATE, nperseg=1024)
    inside = (frequencies > 200) & (frequencies < 7000)
    fitted = np.polyfit(np.log(frequencies[inside]), np.log(power[inside]), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.1)


def test_echoes_fall_by_60_db_in_the_time_of_reverberation():
    echoes = impulse_response(0.4, direct_db=6, rng=np.random.default_rng(0))
    assert len(echoes) == 0.4 * SAMPLE_RATE
    assert echoes[0] == 1
    assert (echoes[1:32] == 0).all()
    assert 10 * np.log10(np.sum(echoes[1:] ** 2)) == pytest.approx(-6, abs=0.01)
    left = 10 * np.log10(np.cumsum(echoes[:32:-1] ** 2)[::-1])  # Schroeder's integral
    falls = left[800] - left[800 + 1600]  # in a tenth of a second, a quarter of the time
    assert falls == pytest.approx(15, abs=1)
