"""Text that is longer than what a net was trained on, cut where it hurts least."""

import re
from bisect import bisect
from collections.abc import Callable, Iterator

_SENTENCES = re.compile(r"(?<=[.!?;:…])\s+")


def cut_line(text: str, length: Callable[[str], int], longest: int) -> list[str]:
    """Parts of at most `longest`, as long as they can be, which in a row give the text.

    Cut at the ends of sentences; a sentence that is too long, between words; a word that is too
    long, or a text without spaces, between letters.

    Args:
      text: a line; spaces in a row count as one.
      length: of a text, such as its number of pieces; that of one letter is at most `longest`.
      longest: what a part may have.
    """
    sentences = _SENTENCES.split(text.strip())
    pieces = [piece for each in sentences for piece in _fitting(each, length, longest)]
    return _joined(pieces, length, longest)


def _fitting(sentence: str, length: Callable[[str], int], longest: int) -> list[str]:
    if length(sentence) <= longest:
        return [sentence]
    words = [part for word in sentence.split() for part in _of_word(word, length, longest)]
    return _joined(words, length, longest)


def _of_word(word: str, length: Callable[[str], int], longest: int) -> Iterator[str]:
    while word:
        place = _longest_fit(word, length, longest)
        yield word[:place]
        word = word[place:]


def _longest_fit(word: str, length: Callable[[str], int], longest: int) -> int:
    """Letters of the longest beginning that fits, 1 at least; reads about as many and no more."""
    most = 1
    while most < len(word) and length(word[:most]) <= longest:
        most *= 2
    letters = range(most // 2, min(most, len(word)) + 1)
    return max(1, letters.start + bisect(letters, longest, key=lambda n: length(word[:n])) - 1)


def _joined(pieces: list[str], length: Callable[[str], int], longest: int) -> list[str]:
    parts: list[str] = []
    for piece in pieces:
        together = f"{parts[-1]} {piece}" if parts else piece
        if parts and length(together) > longest:
            parts.append(piece)
        else:
            parts[-1:] = [together]
    return parts
