"""Text that is longer than what a net was trained on, cut where it hurts least."""

import re
from collections.abc import Callable

_SENTENCES = re.compile(r"(?<=[.!?;:…])\s+")


def cut_line(text: str, length: Callable[[str], int], longest: int) -> list[str]:
    """Parts of at most `longest`, as long as they can be, which joined by spaces give the text.

    Cut at the ends of sentences; a sentence that is too long, between words; a word that is too
    long stays whole.

    Args:
      text: a line; spaces in a row count as one.
      length: of a text, such as its number of pieces.
      longest: what a part may have.
    """
    sentences = _SENTENCES.split(text.strip())
    pieces = [piece for each in sentences for piece in _fitting(each, length, longest)]
    return _joined(pieces, length, longest)


def _fitting(sentence: str, length: Callable[[str], int], longest: int) -> list[str]:
    if length(sentence) <= longest:
        return [sentence]
    return _joined(sentence.split(), length, longest)


def _joined(pieces: list[str], length: Callable[[str], int], longest: int) -> list[str]:
    parts: list[str] = []
    for piece in pieces:
        together = f"{parts[-1]} {piece}" if parts else piece
        if parts and length(together) > longest:
            parts.append(piece)
        else:
            parts[-1:] = [together]
    return parts
