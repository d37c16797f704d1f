"""From the engine's dry voice to a recording: a room, noise, a level, 16,000 samples a second."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import fftconvolve

from nnarch.data.audio import resample, to_int16
from nnarch.data.speech import SAMPLE_RATE

SHORTEST_S = 0.7  # a recording is filled up to it with its own noise
_SILENT = 0.01  # of the peak: below it the engine's sound is taken for its pauses
_LOUDEST = 0.99


@dataclass(frozen=True)
class Conditions:
    """How an utterance is recorded.

    Attributes:
      reverberation_s: in which an echo falls by 60 dB; 0 is no room.
      direct_db: by how much the direct sound is louder than all echoes.
      snr_db: by how much the utterance, pauses included, is louder than the noise.
      noise_slope: the noise's power falls as frequency to this power: 0 hisses, 2 rumbles.
      level_db: of the whole, below full scale.
      before_s, after_s: of noise alone.
    """

    reverberation_s: float
    direct_db: float
    snr_db: float
    noise_slope: float
    level_db: float
    before_s: float
    after_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Conditions":
        """Half are without a room."""
        return cls(
            reverberation_s=float(rng.uniform(0.1, 0.4)) if rng.random() < 0.5 else 0.0,
            direct_db=float(rng.uniform(3, 15)),
            snr_db=float(rng.uniform(10, 40)),
            noise_slope=float(rng.uniform(0, 2)),
            level_db=float(rng.uniform(-35, -15)),
            before_s=float(rng.uniform(0.05, 0.25)),
            after_s=float(rng.uniform(0.1, 0.3)),
        )


def record(
    voice: np.ndarray, rate: int, conditions: Conditions, rng: np.random.Generator
) -> np.ndarray:
    """The recording of a dry voice: int16 [samples] at SAMPLE_RATE.

    Args:
      voice: int16 [N] at `rate` Hz, not silent.
      conditions: how it is recorded.
      rng: of the echoes and of the noise.
    """
    speech = resample(_trimmed(voice), rate, SAMPLE_RATE)
    before, after = (round(SAMPLE_RATE * s) for s in (conditions.before_s, conditions.after_s))
    after = max(after, round(SAMPLE_RATE * SHORTEST_S) - before - len(speech))
    quiet = np.pad(speech, (before, after))
    if conditions.reverberation_s:
        echoes = impulse_response(conditions.reverberation_s, conditions.direct_db, rng)
        quiet = fftconvolve(quiet, echoes)[: len(quiet)]
    quiet /= _rms(quiet)
    noise = coloured_noise(len(quiet), conditions.noise_slope, rng)
    mixed = quiet + noise * 10 ** (-conditions.snr_db / 20)
    mixed *= 10 ** (conditions.level_db / 20) / _rms(mixed)
    return to_int16(mixed * min(1, _LOUDEST / np.abs(mixed).max()))


def _trimmed(voice: np.ndarray) -> np.ndarray:
    """Without the pauses that the engine makes before and after; float32."""
    loud = np.abs(voice.astype(np.float32))
    (places,) = np.nonzero(loud > _SILENT * loud.max())
    return voice[places[0] : places[-1] + 1].astype(np.float32)


def impulse_response(
    reverberation_s: float, direct_db: float, rng: np.random.Generator
) -> np.ndarray:
    """The direct sound 1, then noise that decays exponentially: float64 [samples].

        h[t] = noise[t] * 10 ** (-3 t / reverberation_s)     from 2 ms on

    Source: Polack 1988, the statistical model of late reverberation.
    """
    steps = np.arange(round(reverberation_s * SAMPLE_RATE))
    echoes = rng.normal(size=len(steps)) * 10 ** (-3 * steps / len(steps))
    echoes[: SAMPLE_RATE // 500] = 0
    echoes *= 10 ** (-direct_db / 20) / np.linalg.norm(echoes)
    echoes[0] = 1
    return echoes


def coloured_noise(samples: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of power 1 whose spectrum falls as frequency ** -slope above 50 Hz: float64 [N]."""
    fast = next_fast_len(samples, real=True)
    frequencies = np.fft.rfftfreq(fast, 1 / SAMPLE_RATE)
    phases = rng.normal(size=len(frequencies)) + 1j * rng.normal(size=len(frequencies))
    noise = np.fft.irfft(phases * np.maximum(frequencies, 50) ** (-slope / 2), fast)[:samples]
    return noise / _rms(noise)


def _rms(samples: np.ndarray) -> np.floating:
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
