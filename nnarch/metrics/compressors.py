"""What general compressors make of a text: bits per character that a model has to beat."""

import bz2
import gzip
import lzma
from collections.abc import Callable

from nnarch.metrics.splits import Figures

_LARGE_DICTIONARY = {
    "id": lzma.FILTER_LZMA2,
    "preset": 9 | lzma.PRESET_EXTREME,
    "dict_size": 2**26,  # bytes: as far back as xz looks
}

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda text: gzip.compress(text, 9),
    "bzip2": lambda text: bz2.compress(text, 9),
    "xz": lambda text: lzma.compress(text, filters=[_LARGE_DICTIONARY]),
}


def compressed_bits(name: str, training: str, text: str) -> Figures:
    """Bits per character of `text`, written as UTF-8, by one of COMPRESSORS at its strongest.

    "bits": what it adds to the training text before it, size(training + text) - size(training). So
    the whole training text is at hand for xz, the last 32 kB of it for gzip, and for bzip2 what
    lies in the same block of 900 kB. "bits_alone": without the training text.

    Raises:
      ValueError: there is no text.
    """
    if not text:
        raise ValueError("expected a text of 1 character or more; got none. Pass what is tested.")
    size = COMPRESSORS[name]
    before, alone = training.encode(), text.encode()
    added = len(size(before + alone)) - len(size(before))
    return {
        "bits": 8 * added / len(text),
        "bits_alone": 8 * len(size(alone)) / len(text),
    }
