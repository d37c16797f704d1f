"""Error rates of transcripts, by jiwer.

An error rate is the number of insertions, deletions and substitutions that turn the transcripts
into the texts, over the characters or words of the texts; it may exceed 100.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jiwer


class ErrorRates(NamedTuple):
    """In percent."""

    characters: float
    words: float
    sentences: float  # that have any error


def error_rates(transcripts: Sequence[str], texts: Sequence[str]) -> ErrorRates:
    """Over all utterances together, so that long ones count for more.

    Args:
      transcripts: N of them; empty ones are all deletions. Spaces at the ends are nothing, and
        several in a row are one.
      texts: what was said, N of them, none empty.

    Raises:
      ValueError: there are none, not as many of the one as of the other, or a text is empty.
    """
    if not texts or len(transcripts) != len(texts) or not all(map(str.strip, texts)):
        raise ValueError(
            f"error_rates expects as many transcripts as texts, no text empty; got "
            f"{len(transcripts)} and {len(texts)}. Leave out utterances in which nothing is said."
        )
    transcripts, texts = ([" ".join(each.split()) for each in of] for of in (transcripts, texts))
    wrong = sum(told != text for told, text in zip(transcripts, texts, strict=True))
    return ErrorRates(
        characters=100 * jiwer.cer(texts, transcripts),
        words=100 * jiwer.wer(texts, transcripts),
        sentences=100 * wrong / len(texts),
    )
