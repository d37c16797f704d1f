"""Sound files of every kind that people have, and those that are none."""

import struct
import wave

import numpy as np
import pytest
from scipy.io import wavfile
from tolerances import FLOAT32

from nnarch.data.audio import read_wav, resample, to_int16

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / RATE)  # a tenth of a second


def write_24_bit(path, samples, rate):
    """By the standard library: scipy writes none."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(rate)
        whole = np.round(samples * 2**23).astype("<i4")
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


FORMATS = {
    "uint8": lambda path: wavfile.write(path, RATE, np.uint8(np.round(TONE * 128) + 128)),
    "int16": lambda path: wavfile.write(path, RATE, np.int16(np.round(TONE * 2**15))),
    "int24": lambda path: write_24_bit(path, TONE, RATE),
    "int32": lambda path: wavfile.write(path, RATE, np.int32(np.round(TONE * 2**31))),
    "float32": lambda path: wavfile.write(path, RATE, np.float32(TONE)),
    "float64": lambda path: wavfile.write(path, RATE, TONE),
}
STEPS = {"uint8": 2**-7, "int16": 2**-15}  # half of one is lost in rounding; elsewhere less


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_sample_is_read_at_full_scale_1(kind, tmp_path):
    FORMATS[kind](tmp_path / "tone.wav")
    samples = read_wav(tmp_path / "tone.wav", RATE)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, rtol=0, atol=STEPS.get(kind, 2e-7) / 2 + 1e-7)


def test_channels_are_averaged(tmp_path):
    both = np.stack([TONE, -0.5 * TONE], axis=1).astype(np.float32)
    wavfile.write(tmp_path / "stereo.wav", RATE, both)
    np.testing.assert_allclose(read_wav(tmp_path / "stereo.wav", RATE), TONE / 4, **FLOAT32)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 15_991])
def test_any_rate_becomes_the_one_wanted(rate, tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
    wavfile.write(tmp_path / "tone.wav", rate, np.float32(tone))
    samples = read_wav(tmp_path / "tone.wav", RATE)
    assert len(samples) == -(-len(tone) * RATE // rate)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / RATE)
    inside = slice(1000, -1000)  # at the ends the filter sees silence
    assert np.abs(samples[inside] - expected[inside]).max() < 0.01


def test_what_is_above_half_the_rate_does_not_come_back_lower():
    high = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000)
    assert np.abs(resample(high, 48_000, RATE)[500:-500]).max() < 0.01


def test_silence_is_sound(tmp_path):
    wavfile.write(tmp_path / "silence.wav", 44_100, np.zeros(4410, np.int16))
    np.testing.assert_array_equal(read_wav(tmp_path / "silence.wav", RATE), np.zeros(1600))


def test_a_file_cut_short_is_read_as_far_as_it_goes(tmp_path, caplog):
    path = tmp_path / "tone.wav"
    FORMATS["int16"](path)
    path.write_bytes(path.read_bytes()[: 44 + 2 * 1000])
    np.testing.assert_allclose(read_wav(path, RATE), TONE[:1000], rtol=0, atol=1e-4)
    assert "ends before its header says so" in caplog.text


def broken(name, change):
    def write(path):
        FORMATS["int16"](path)
        path.write_bytes(change(path.read_bytes()))

    return pytest.param(write, id=name)


@pytest.mark.parametrize(
    "write",
    [
        broken("empty", lambda whole: b""),
        broken("text", lambda whole: b"no sound at all, but words that someone wrote"),
        broken("mp3", lambda whole: b"ID3" + bytes(100)),
        broken("avi", lambda whole: whole[:8] + b"AVI " + whole[12:]),
        broken("cut in its header", lambda whole: whole[:20]),
        broken("noise", lambda whole: whole[:12] + bytes(range(256))),
        broken("no channel", lambda whole: whole[:22] + struct.pack("<H", 0) + whole[24:]),
        broken("mu-law", lambda whole: whole[:20] + struct.pack("<H", 7) + whole[22:]),
    ],
)
def test_what_is_no_wav_is_told_with_a_remedy(write, tmp_path):
    write(tmp_path / "broken.wav")
    with pytest.raises(ValueError, match=r"a WAV file .*broken\.wav; got .*Convert it: ffmpeg"):
        read_wav(tmp_path / "broken.wav", RATE)


@pytest.mark.parametrize(("rate", "samples"), [(RATE, 0), (10, 100), (2_000_000, 100)])
def test_a_file_without_sound_is_told(rate, samples, tmp_path):
    wavfile.write(tmp_path / "empty.wav", rate, np.zeros(samples, np.int16))
    with pytest.raises(ValueError, match=f"got {samples} samples at {rate} Hz"):
        read_wav(tmp_path / "empty.wav", RATE)


def test_samples_that_are_no_numbers_are_told(tmp_path):
    wavfile.write(tmp_path / "nan.wav", RATE, np.float32([0, np.nan, np.inf, 1]))
    with pytest.raises(ValueError, match="got 2 that are infinite or none"):
        read_wav(tmp_path / "nan.wav", RATE)


def test_a_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
        read_wav(tmp_path / "gone.wav", RATE)


def test_int16_is_rounded_and_clipped():
    np.testing.assert_array_equal(
        to_int16(np.array([-1.5, -1, -0.5 / 2**15, 0.6 / 2**15, 1, 2])),
        np.array([-(2**15), -(2**15), 0, 1, 2**15 - 1, 2**15 - 1], np.int16),
    )
