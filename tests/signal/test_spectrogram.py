"""The spectrogram beside Kaldi's own and a float64 loop; what it must not see; how it is shared."""

import jax
import jax.numpy as jnp
import kaldi_native_fbank as kaldi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tolerances import FLOAT32, FLOAT32_DEEP, LOG_MEL

from nnarch.signal.spectrogram import FLOOR, frame_counts, log_mel, normalise

SETTINGS = [
    {},
    {"mels": 40},
    {"sample_rate": 8000, "mels": 23},
    {"window_ms": 32.0, "hop_ms": 12.5, "mels": 40},
    {"low_hz": 100.0, "high_hz": 7000.0, "mels": 40},
    {"window_ms": 10.0, "hop_ms": 16.0, "mels": 12},
]


def make_sound(samples=6000, seed=0):
    """A tone that rises, over rumbling noise: int16."""
    rng = np.random.default_rng(seed)
    steps = np.arange(samples)
    noise = 20 * np.cumsum(rng.normal(size=samples))
    return np.clip(noise + 3000 * np.sin(1e-5 * steps**2), -32768, 32767).astype(np.int16)


def by_kaldi(
    sound, *, sample_rate=16_000, window_ms=25.0, hop_ms=10.0, mels=80, low_hz=20.0, high_hz=0.0
):
    options = kaldi.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = sample_rate
    options.frame_opts.frame_length_ms = window_ms
    options.frame_opts.frame_shift_ms = hop_ms
    options.mel_opts.num_bins = mels
    options.mel_opts.low_freq, options.mel_opts.high_freq = low_hz, high_hz
    options.energy_floor = 0
    banks = kaldi.OnlineFbank(options)
    banks.accept_waveform(sample_rate, sound.astype(np.float32).tolist())
    banks.input_finished()
    return np.stack([banks.get_frame(frame) for frame in range(banks.num_frames_ready)])


def oracle(sound, *, mels=80):
    """Float64, frame by frame, at 16,000 Hz with windows of 400 samples, one each 160."""
    frames = []
    for start in range(0, len(sound) - 399, 160):
        x = sound[start : start + 400].astype(np.float64)
        x = x - x.mean()
        x = np.array([x[n] - 0.97 * x[max(n - 1, 0)] for n in range(400)])
        x *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
        power = np.abs(np.fft.rfft(x, 512)) ** 2
        frames.append([max(band @ power, FLOOR) for band in bands(mels)])
    return np.log(frames)


def bands(mels):
    low, high = (1127 * np.log(1 + hz / 700) for hz in (20, 8000))
    step = (high - low) / (mels + 1)
    heights = 1127 * np.log(1 + np.arange(257) * 16_000 / 512 / 700)
    for band in range(mels):
        middle = low + (band + 1) * step
        yield np.maximum(0, 1 - np.abs(heights - middle) / step)


@pytest.mark.parametrize("settings", SETTINGS)
def test_it_is_kaldis(settings):
    sound = make_sound()
    features, counts = log_mel(sound[None], **settings)
    expected = by_kaldi(sound, **settings)
    assert counts.tolist() == [len(expected)]
    assert features.dtype == jnp.float32
    np.testing.assert_allclose(features[0], expected, **LOG_MEL)


def test_it_agrees_with_a_float64_loop():
    sound = make_sound()
    np.testing.assert_allclose(log_mel(sound[None])[0][0], oracle(sound), **LOG_MEL)


def test_floats_and_whole_numbers_are_one_scale():
    sound = make_sound()
    floats, _ = log_mel(jnp.float32(sound[None]) / 2**15)
    np.testing.assert_allclose(floats, log_mel(sound[None])[0], **FLOAT32)


def test_a_row_is_what_it_is_alone_and_padding_is_not_seen():
    """Rows of all, of some, of exactly one window, of less than one and of no samples."""
    lengths = np.array([4000, 2345, 400, 399, 0], np.int32)
    samples = np.stack([make_sound(4000, seed) for seed in range(5)]) / np.float32(2**15)
    samples[np.arange(4000) >= lengths[:, None]] = np.nan
    features, counts = log_mel(samples, lengths)
    assert counts.tolist() == [23, 13, 1, 0, 0]
    assert features.shape == (5, 23, 80)
    for row, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        alone, _ = log_mel(samples[row : row + 1, :length])
        assert alone.shape[1] == count
        np.testing.assert_allclose(features[row, :count], alone[0], **LOG_MEL)
        assert (features[row, count:] == 0).all()


def test_lengths_are_clipped_to_what_there_is():
    sound = make_sound(800)[None]
    features, counts = log_mel(np.repeat(sound, 2, axis=0), [900, -1])
    assert counts.tolist() == [3, 0]
    np.testing.assert_allclose(features[0], log_mel(sound)[0][0], **LOG_MEL)


@given(st.integers(0, 3000), st.integers(0, 500))
@settings(max_examples=10)
def test_counts_are_of_whole_windows(length, padding):
    starts = [start for start in range(0, length, 160) if start + 400 <= length]
    assert frame_counts(np.array([length])).tolist() == [len(starts)]
    shape = jax.eval_shape(log_mel, jax.ShapeDtypeStruct((1, length + padding), jnp.int16))[0].shape
    assert shape[1] >= len(starts)


def test_silence_and_an_offset_are_the_floor():
    silence = log_mel(np.zeros((1, 800), np.int16))[0]
    np.testing.assert_allclose(silence, np.log(FLOOR), **FLOAT32)
    offset = log_mel(np.full((1, 800), 1000, np.int16))[0]
    assert float(offset.max()) < -5  # what float32 leaves of 1000 - 1000


def test_normalised_rows_have_mean_0_and_variance_1_where_valid():
    rng = np.random.default_rng(0)
    features = rng.normal(3, 5, (4, 30, 6)).astype(np.float32)
    lengths = np.array([30, 11, 1, 0], np.int32)
    features[np.arange(30) >= lengths[:, None]] = np.nan
    normal = np.asarray(normalise(jnp.asarray(features), jnp.asarray(lengths)))
    for row, length in enumerate(lengths):
        valid = features[row, :length].astype(np.float64)
        if length:
            valid = (valid - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-5)
        np.testing.assert_allclose(normal[row, :length], valid, **FLOAT32_DEEP)
        assert (normal[row, length:] == 0).all()


def test_a_band_that_never_changes_stays_near_0():
    normal = normalise(jnp.full((1, 30, 2), -15.94), jnp.array([30]))
    assert float(jnp.abs(normal).max()) < 1e-2  # rounding, divided by the root of 1e-5


def test_devices_that_share_a_batch_do_so_without_a_word():
    """An FFT in place of the matrix product would gather the whole batch on every device."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    samples = np.stack([make_sound(2000, seed) for seed in range(8)])
    lengths = np.arange(1300, 2100, 100, dtype=np.int32)
    run = jax.jit(lambda samples, lengths: log_mel(samples, lengths)[0])
    shared = [jax.device_put(array, sharding) for array in (samples, lengths)]
    program = run.lower(*shared).compile()
    assert not [line for line in program.as_text().splitlines() if "all-" in line]
    np.testing.assert_allclose(program(*shared), log_mel(samples, lengths)[0], **LOG_MEL)


@pytest.mark.parametrize(
    ("shape", "dtype", "lengths"),
    [((800,), "int16", None), ((1, 800), "int32", None), ((2, 800), "int16", [800])],
)
def test_what_is_no_batch_of_sound_is_refused(shape, dtype, lengths):
    with pytest.raises(ValueError, match="Put the batch first, one channel"):
        log_mel(jnp.zeros(shape, dtype), lengths and jnp.array(lengths))


def test_bands_above_half_the_rate_are_refused():
    with pytest.raises(ValueError, match="Keep the bands below half the sample rate"):
        log_mel(jnp.zeros((1, 800), jnp.int16), sample_rate=8000, high_hz=5000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mels": 128}, "1 of 128 bands .* Ask for fewer mels"),
        ({"hop_ms": 0.01}, "a hop of 1 or more"),
        ({"window_ms": 0.06}, "2 samples or more"),
        ({"lengths": jnp.array([0.5])}, "integer lengths"),
    ],
)
def test_settings_that_hear_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        log_mel(jnp.zeros((1, 800), jnp.int16), **settings)
