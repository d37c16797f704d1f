"""Recordings drawn: what stands on the page, and where the spikes are."""

import numpy as np

from nnarch.report.spikes import Recording, Spoken, _peaks, spikes_section


def recording(transcript):
    rng = np.random.default_rng(0)
    probabilities = np.full((20, 3), 0.05)
    probabilities[:, 0] = 0.9
    probabilities[4], probabilities[11] = (0, 0.9, 0.1), (0.1, 0.1, 0.8)
    words = (Spoken("<ab>", 0.1, 0.5),)
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


def test_no_recordings_say_so():
    assert "no recordings" in spikes_section("Spikes", [], ["-"]).body


def test_a_spike_is_the_largest_of_its_run():
    np.testing.assert_array_equal(_peaks(np.array([0, 0.3, 0.9, 0.4, 0, 0.1, 0.5])), [2, 6])
    assert not len(_peaks(np.zeros(4)))
