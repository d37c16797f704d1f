"""Recordings drawn: what stands on the page, and where the spikes are."""

import numpy as np

from nnarch.report.palette import LIGHT
from nnarch.report.spikes import (
    PICTURE,
    SPECTROGRAM,
    Recording,
    WordTime,
    _peaks,
    draw,
    label_spans,
    spikes_section,
    word_times,
)


def recording(transcript):
    rng = np.random.default_rng(0)
    probabilities = np.full((20, 3), 0.05)
    probabilities[:, 0] = 0.9
    probabilities[4], probabilities[11] = (0, 0.9, 0.1), (0.1, 0.1, 0.8)
    words = (WordTime("<ab>", 0.1, 0.5),)
    return Recording("<ab>", transcript, rng.normal(size=(80, 16)), probabilities, 0.8, words)


def test_a_card_for_each_recording_and_a_file_for_each():
    both = [recording("<ab>"), recording("")]
    section = spikes_section("Spikes", both, ["-", "a", "b"], note="What is to be seen.")
    assert list(section.files) == ["spikes-1.png", "spikes-2.png"]
    assert all(png.startswith(b"\x89PNG") for png in section.files.values())
    assert str(section.body).count("<picture") == 2
    assert "✓" in section.body
    assert "(nothing)" in section.body
    assert "<ab>" not in section.body
    assert "&lt;ab&gt;" in section.body


def test_a_picture_stands_upright_and_words_are_coloured_over_it():
    picture = draw(recording("<ab>"), ["-", "a", "b"], 0, LIGHT, PICTURE)
    sound = draw(recording("<ab>"), ["-", "a", "b"], 0, LIGHT, SPECTROGRAM)
    (above, _), (below, _) = (figure.axes for figure in (picture, sound))
    assert above.yaxis_inverted()
    assert not below.yaxis_inverted()
    assert len(above.patches) == 1
    assert not below.patches


def test_no_recordings_say_so():
    assert "no recordings" in spikes_section("Spikes", [], ["-"]).body


def test_a_spike_is_the_largest_of_its_run():
    np.testing.assert_array_equal(_peaks(np.array([0, 0.3, 0.9, 0.4, 0, 0.1, 0.5])), [2, 6])
    assert not len(_peaks(np.zeros(4)))


def test_words_last_from_their_first_character_to_their_last():
    # "aa b" with the blank 0, a 1, b 2, the space 3
    frames = np.array([0, 1, 1, 0, 1, 3, 3, 0, 2, 0])
    assert word_times(frames, "aa b", blank=0, frame_seconds=0.5) == [
        WordTime("aa", 0.5, 2.5),
        WordTime("b", 4.0, 4.5),
    ]


def test_labels_span_their_frames():
    assert label_spans(np.array([0, 1, 1, 0, 1, 2, 0]), blank=0) == [(1, 3), (4, 5), (5, 6)]
    assert label_spans(np.array([0, 0]), blank=0) == label_spans(np.array([], int), blank=0) == []


def test_spaces_at_the_ends_and_two_in_a_row_are_no_words():
    frames = np.array([3, 1, 3, 0, 3, 2])
    words = word_times(frames, " a  b", blank=0, frame_seconds=1)
    assert words == [WordTime("a", 1, 2), WordTime("b", 5, 6)]
