"""Recordings as examples: gathered against plain padding, bucketed, drawn as the pipeline draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnarch.data import speech
from nnarch.data.characters import decode
from nnarch.data.examples import Ragged
from nnarch.data.pipeline import Batches, evaluation_batches
from nnarch.data.speech import BLOCK, SAMPLE_RATE, Spoken, examples, has_room_for, sound

TEXTS = ("three", "b a", "don't", "", "turn it on", "five", "six", "zz")


def make_spoken(lengths=(9000, 2000, 1600, 1, 30_000, 8000, 8001, 4000), seed=0):
    rng = np.random.default_rng(seed)
    recordings = [rng.integers(1, 2**15, length, dtype=np.int16) for length in lengths]
    return Spoken(sound(recordings), TEXTS, {"kind": ("x",) * len(TEXTS)}), recordings


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.data())
def test_a_batch_is_what_the_plain_one_is(lengths, data):
    recordings = [np.arange(1, length + 1, dtype=np.int16) for length in lengths]
    audio = sound(recordings)
    plain = Ragged(audio.values, audio.starts, "audio_lengths")
    chosen = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1)))
    for got, expected in zip(audio.batch(chosen, 25), plain.batch(chosen, 25), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_buckets_are_chosen_among_tenths_of_a_second():
    audio = make_spoken()[0].audio
    assert audio.lengths.tolist() == [9600, 3200, 1600, 1600, 30_400, 8000, 9600, 4800]
    assert BLOCK * 10 == SAMPLE_RATE


def test_batches_hold_recordings_and_labels_with_their_lengths():
    spoken, recordings = make_spoken()
    batches = Batches(examples(spoken), 4, buckets=3)
    shapes = {
        tuple((name, shape.shape, str(shape.dtype)) for name, shape in sorted(told.items()))
        for told in batches.shapes
    }
    assert len(shapes) == 3
    for number in range(20):
        batch = batches.batch(number)
        assert shapes >= {
            tuple((name, array.shape, str(array.dtype)) for name, array in sorted(batch.items()))
        }
        for row, length in enumerate(batch["audio_lengths"]):
            place = [len(recording) for recording in recordings].index(length)
            np.testing.assert_array_equal(batch["audio"][row, :length], recordings[place])
            assert (batch["audio"][row, length:] == 0).all()
            assert batch["label_lengths"][row] == len(TEXTS[place])
            assert decode(batch["labels"][row]) == TEXTS[place]


def test_batches_follow_from_seed_and_number():
    first, same, other = (Batches(examples(make_spoken()[0]), 4, seed=s) for s in (5, 5, 6))
    for number in (7, 0, 3):
        for name, array in first.batch(number).items():
            np.testing.assert_array_equal(array, same.batch(number)[name])
    assert any(
        (first.batch(n)["audio_lengths"] != other.batch(n)["audio_lengths"]).any() for n in range(4)
    )


def test_recordings_alone_are_evaluated_in_order():
    spoken, recordings = make_spoken()
    batches = list(evaluation_batches(speech.audio_alone(spoken.audio), 3))
    assert set(batches[0]) == {"audio", "audio_lengths", "index", "valid"}
    lengths = np.concatenate([batch["audio_lengths"][batch["valid"]] for batch in batches])
    np.testing.assert_array_equal(lengths, list(map(len, recordings)))


def test_a_split_tells_its_recordings_and_how_long_it_lasts():
    spoken, recordings = make_spoken()
    assert len(spoken) == 8
    for row, recording in enumerate(recordings):
        np.testing.assert_array_equal(spoken.recording(row), recording)
    assert spoken.seconds == sum(map(len, recordings)) / 16_000


@pytest.mark.parametrize(
    ("text", "samples", "enough"),
    [
        ("", 0, True),
        ("a", 399, False),
        ("a", 400 + 160 * 2, False),  # three windows, and one in four is none
        ("a", 400 + 160 * 3, True),
        ("see", 400 + 160 * 15 - 1, False),  # a blank between the two e: four
        ("see", 400 + 160 * 15, True),
    ],
)
def test_a_text_has_room_or_has_none(text, samples, enough):
    assert has_room_for(text, samples) == enough


def test_a_set_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"among \['librispeech', 'utterances'\]; got 'emoji'"):
        speech.load("emoji")
