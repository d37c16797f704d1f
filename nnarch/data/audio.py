"""Sound files as samples: one channel of float32, at the rate that is wanted."""

import logging
import warnings
from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import firwin, resample_poly

_log = logging.getLogger(__name__)

RATES_HZ = range(1_000, 768_001)  # what a recording may have; beyond stands a broken header
_FULL_SCALE = 2**15  # of int16


def read_wav(path: Path | str, sample_rate: int) -> np.ndarray:
    """A WAV file of any rate, as one channel.

    Samples may be whole numbers of 8, 16, 24, 32 or 64 bits or floats of 32 or 64. Channels are
    averaged. A file that ends before its header says so is read as far as it goes, with a warning.

    Args:
      path: of the file.
      sample_rate: what is wanted, in Hz.

    Returns:
      float32 [N]; full scale is -1 to 1.

    Raises:
      ValueError: the file is no WAV, is broken, has another encoding, or holds no sound.
      OSError: it cannot be opened.
    """
    rate, samples = _read(Path(path))
    if rate not in RATES_HZ or not samples.size:
        raise ValueError(
            f"expected sound in {path}; got {len(samples)} samples at {rate} Hz. "
            "Record it again, or name another file."
        )
    mono = _to_float(samples).reshape(len(samples), -1).mean(axis=1)
    if not np.isfinite(mono).all():
        raise ValueError(
            f"expected numbers as samples in {path}; got {np.sum(~np.isfinite(mono))} that are "
            "infinite or none. Write the file again."
        )
    return resample(mono, rate, sample_rate)


def _read(path: Path) -> tuple[int, np.ndarray]:
    with path.open("rb") as file, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            rate, samples = wavfile.read(file)
        except Exception as error:  # scipy lets out whatever a broken header leads to
            raise ValueError(
                f"expected a WAV file of plain samples at {path}; got {error!r}. "
                f"Convert it: ffmpeg -i {path.name} -c:a pcm_s16le {path.stem}-16bit.wav."
            ) from error
    if any("EOF prematurely" in str(warning.message) for warning in told):
        _log.warning("%s ends before its header says so: reading what is there.", path)
    return rate, samples


def _to_float(samples: np.ndarray) -> np.ndarray:
    """float64, full scale -1 to 1; 8 bits are unsigned, and scipy puts 24 on top of 32."""
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float64)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float64) - 128) / 128
    return samples / -float(np.iinfo(samples.dtype).min)


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples [N] at `rate` Hz as float32 [ceil(N wanted / rate)] at `wanted` Hz.

    What lies above half the lower rate is filtered away.
    """
    if rate == wanted:
        return samples.astype(np.float32)
    common = gcd(rate, wanted)
    up, down = wanted // common, rate // common
    return resample_poly(samples, up, down, window=_low_pass(up, down)).astype(np.float32)


@lru_cache(maxsize=8)
def _low_pass(up: int, down: int) -> np.ndarray:
    """The filter that scipy would design anew in every call, which takes it longer than filtering.

    Ten zeros of the sinc on either side, at `up` times the rate, under a Kaiser window of beta 5.
    """
    slower = max(up, down)
    return firwin(20 * slower + 1, 1 / slower, window=("kaiser", 5.0))


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Samples [N], full scale -1 to 1, as int16; what is beyond is clipped."""
    scaled = np.round(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
