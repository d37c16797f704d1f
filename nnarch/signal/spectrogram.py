"""Sound as a mel spectrogram of logarithms, frame by frame, on the device.

Kaldi's filter banks, without its dither. A frame is a window of samples x, and

    y[n] = x[n] - mean(x)                             its offset removed
    z[n] = y[n] - 0.97 y[n-1]                         high frequencies raised
    w[n] = (0.5 - 0.5 cos(2 pi n / (N-1))) ** 0.85    Povey's window
    P[k] = |sum over n of w[n] z[n] exp(-2 pi i k n / K)| ** 2
    f[m] = log max(sum over k of triangle[m, k] P[k], 2 ** -23)

with K the power of two from N on. The triangles are evenly spaced on the scale 1127 ln(1 + Hz/700),
each from its left neighbour's middle to its right neighbour's.

Everything before the square is linear, and is one matrix [N, 2 bins] here: the matrix product it
takes is what every accelerator does well, and it is shared out over devices as any other (for an
FFT, XLA gathers the whole batch on each device).

Source: Povey et al. 2011, "The Kaldi speech recognition toolkit", its feature-fbank and mel scale.
"""

import math
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

PREEMPHASIS = 0.97
FLOOR = 2.0**-23  # energy of a band, below which stands this; full scale is 2 ** 15
_FULL_SCALE = 2.0**15


class _Frames(NamedTuple):
    """How samples are cut into frames, in samples."""

    window: int
    hop: int

    def count(self, lengths):
        """How many windows fit, for integers or arrays of them."""
        return (lengths - self.window) // self.hop + 1


def log_mel(
    samples: Array,
    lengths: Array | None = None,
    *,
    sample_rate: int = 16_000,
    window_ms: float = 25.0,
    hop_ms: float = 10.0,
    mels: int = 80,
    low_hz: float = 20.0,
    high_hz: float | None = None,
) -> tuple[Array, Array]:
    """The logarithms of a mel spectrogram; see the head of this file.

    A frame is made of valid samples alone: what does not fill a window at a row's end is left out,
    and what stands behind that end (NaN too) changes nothing.

    Args:
      samples: [B, S], int16, or floats from -1 to 1.
      lengths: int32 [B], valid samples of each row, clipped to 0..S; S if left out.
      sample_rate: in Hz.
      window_ms, hop_ms: length of a window, and from one to the next, in milliseconds.
      mels: bands, M.
      low_hz, high_hz: where the first band begins and the last ends; half the rate if left out.

    Returns:
      float32 [B, F, M], zero past a row's frames, and int32 [B], the frames of each row, where F =
      max(0, 1 + (S - window) // hop).

    Raises:
      ValueError: a shape, a dtype, or a range of frequencies that there is not; windows of one
        sample, or so short that a band has no frequency of its own.
    """
    _check(samples, lengths)
    high_hz = sample_rate / 2 if high_hz is None else high_hz
    if not 0 <= low_hz < high_hz <= sample_rate / 2:
        raise ValueError(
            f"log_mel expects 0 <= low_hz < high_hz <= {sample_rate / 2}; got {low_hz} and "
            f"{high_hz}. Keep the bands below half the sample rate."
        )
    if lengths is None:
        lengths = jnp.full(samples.shape[:1], samples.shape[1], jnp.int32)
    frames = _frames(sample_rate, window_ms, hop_ms)
    bands = (sample_rate, mels, low_hz, high_hz)
    _check_bands(frames, *bands)
    lengths = jnp.clip(jnp.asarray(lengths, jnp.int32), 0, samples.shape[1])
    return _log_mel(samples, lengths, frames, bands)


def frame_counts(
    lengths: Array, *, sample_rate: int = 16_000, window_ms: float = 25.0, hop_ms: float = 10.0
) -> Array:
    """How many frames `log_mel` makes of rows of these lengths: int32, shaped as `lengths`."""
    count = _frames(sample_rate, window_ms, hop_ms).count(jnp.asarray(lengths))
    return jnp.maximum(0, count).astype(jnp.int32)


def normalise(features: Array, lengths: Array) -> Array:
    """Each row's bands with mean 0 and variance 1 over its own valid frames.

    It takes away what a microphone, a room and a level do to all frames alike.

    Args:
      features: float [B, F, M]; what is past a row's frames changes nothing.
      lengths: int32 [B], valid frames of each row.

    Returns:
      float32 [B, F, M], zero past a row's frames. A band that never changes stays near 0.
    """
    valid = _valid(features.shape[1], lengths)[:, :, None]
    count = jnp.maximum(lengths, 1).astype(jnp.float32)[:, None, None]

    def mean(values: Array) -> Array:
        return jnp.sum(jnp.where(valid, values, 0), axis=1, keepdims=True) / count

    features = features.astype(jnp.float32)
    centred = jnp.where(valid, features - mean(features), 0)
    return centred * lax.rsqrt(mean(jnp.square(centred)) + 1e-5)


def _check(samples: Array, lengths: Array | None) -> None:
    known = samples.dtype == jnp.int16 or jnp.issubdtype(samples.dtype, jnp.floating)
    fits = lengths is None or np.shape(lengths) == samples.shape[:1]
    counted = lengths is None or jnp.issubdtype(jnp.asarray(lengths).dtype, jnp.integer)
    if samples.ndim != 2 or not known or not fits or not counted:
        shape = None if lengths is None else np.shape(lengths)
        raise ValueError(
            f"log_mel expects samples [B, S] of int16 or floats and integer lengths [B]; got "
            f"{samples.shape} of {samples.dtype} and {shape}. Put the batch first, one channel."
        )


def _check_bands(
    frames: _Frames, sample_rate: int, mels: int, low_hz: float, high_hz: float
) -> None:
    if frames.window < 2 or frames.hop < 1 or mels < 1:
        raise ValueError(
            "log_mel expects a window of 2 samples or more, a hop of 1 or more and a band or more; "
            f"got {frames.window}, {frames.hop} and {mels}. Give longer ones, in milliseconds."
        )
    triangles = _triangles(_fft_size(frames.window), sample_rate, mels, low_hz, high_hz)
    if empty := int(np.sum(~triangles.any(axis=0))):
        raise ValueError(
            f"{empty} of {mels} bands from {low_hz} to {high_hz} Hz lie between two frequencies of "
            f"a window of {frames.window} samples. Ask for fewer mels, or a longer window_ms."
        )


def _frames(sample_rate: int, window_ms: float, hop_ms: float) -> _Frames:
    return _Frames(round(sample_rate * window_ms / 1000), round(sample_rate * hop_ms / 1000))


def _valid(steps: int, lengths: Array) -> Array:
    """bool [B, steps]."""
    return jnp.arange(steps) < lengths[:, None]


@partial(jax.jit, static_argnums=(2, 3))
def _log_mel(
    samples: Array, lengths: Array, frames: _Frames, bands: tuple[int, int, float, float]
) -> tuple[Array, Array]:
    full_scale = 1 if jnp.issubdtype(samples.dtype, jnp.integer) else _FULL_SCALE
    samples = jnp.where(_valid(samples.shape[1], lengths), samples, 0)
    spectrum = _spectrum(samples.astype(jnp.float32) * full_scale, frames)
    triangles = _triangles(_fft_size(frames.window), *bands)
    energies = jnp.matmul(spectrum, triangles, precision=lax.Precision.HIGHEST)
    counts = jnp.maximum(0, frames.count(lengths)).astype(jnp.int32)
    valid = _valid(energies.shape[1], counts)[:, :, None]
    return jnp.where(valid, jnp.log(jnp.maximum(energies, FLOOR)), 0), counts


def _spectrum(samples: Array, frames: _Frames) -> Array:
    """[B, S] -> the power of each bin, [B, F, K / 2].

    Windows overlap, so each is a few neighbouring blocks of a hop: the product with a window's
    matrix is the sum of those of the blocks with their rows of it, and no window is ever copied.
    """
    batch, total = samples.shape
    count = max(0, frames.count(total))
    blocks = -(-frames.window // frames.hop)
    used = (count + blocks - 1) * frames.hop
    samples = jnp.pad(samples, ((0, 0), (0, max(0, used - total))))[:, :used]
    cut = samples.reshape(batch, count + blocks - 1, frames.hop)
    real_and_imaginary = sum(
        jnp.matmul(cut[:, block : block + count], rows, precision=lax.Precision.HIGHEST)
        for block, rows in enumerate(_window_matrix(frames, blocks))
    )
    real, imaginary = jnp.split(real_and_imaginary, 2, axis=2)
    return jnp.square(real) + jnp.square(imaginary)


def _fft_size(window: int) -> int:
    return 2 ** math.ceil(math.log2(window))


@lru_cache
def _window_matrix(frames: _Frames, blocks: int) -> np.ndarray:
    """All that is done to a window before the square: float32 [blocks, hop, real and imaginary]."""
    size, window = frames.window, _fft_size(frames.window)
    steps = np.arange(size)
    offset_removed = np.eye(size) - 1 / size
    before = np.eye(size, k=-1)  # what precedes the first sample counts for nothing: w[0] is 0
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * steps / (size - 1))) ** 0.85
    prepared = povey[:, None] * ((np.eye(size) - PREEMPHASIS * before) @ offset_removed)
    angles = 2 * np.pi * np.outer(np.arange(window // 2), steps) / window
    both = np.concatenate([np.cos(angles), -np.sin(angles)]) @ prepared
    rows = np.zeros((blocks * frames.hop, len(both)))
    rows[:size] = both.T
    return rows.reshape(blocks, frames.hop, -1).astype(np.float32)


@lru_cache
def _triangles(
    fft_size: int, sample_rate: int, mels: int, low_hz: float, high_hz: float
) -> np.ndarray:
    """float32 [K / 2, M]: how much of a bin's power goes into a band."""

    def mel(hz):
        return 1127 * np.log1p(np.asarray(hz) / 700)

    edges = np.linspace(mel(low_hz), mel(high_hz), mels + 2)
    bins = mel(np.arange(fft_size // 2) * sample_rate / fft_size)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
