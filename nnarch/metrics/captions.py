"""How many captions are right: to the letter, in their skin tone, in their gender."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

_TONE = re.compile(r"\b((?:medium-)?(?:light|dark)|medium) skin tone\b")
_GENDER = {
    "man": ("man", "men", "merman", "prince", "santa"),
    "woman": ("woman", "women", "mermaid", "princess", "mrs."),
    "boy": ("boy",),
    "girl": ("girl",),
}
_GENDER_OF = {word: gender for gender, words in _GENDER.items() for word in words}


class CaptionScores(NamedTuple):
    """Shares between 0 and 1.

    Attributes:
      exact_match: captions that equal one of the accepted ones.
      strict_match: captions that equal the picture's own.
      tone, gender: captions with the right one, among pictures whose own caption tells one; NaN if
        none does.
      tone_and_gender: captions with both right (or rightly absent), among all.
    """

    exact_match: float
    strict_match: float
    tone: float
    gender: float
    tone_and_gender: float


def caption_scores(
    candidates: Sequence[str], own: Sequence[str], accepted: Sequence[Collection[str]]
) -> CaptionScores:
    """Scores captions of pictures.

    Args:
      candidates: a caption for each of N pictures.
      own: each picture's own caption.
      accepted: all captions that count as right for each picture: those of every picture that is
        identical to it. Its own is among them.

    Raises:
      ValueError: there are no pictures, or the three differ in length.
    """
    if not candidates or not len(candidates) == len(own) == len(accepted):
        raise ValueError(
            f"caption_scores expects as many captions as pictures, 1 or more; got "
            f"{len(candidates)}, {len(own)} and {len(accepted)}. Pass one entry a picture."
        )
    pairs = list(zip(candidates, own, strict=True))
    both = [tones(c) == tones(o) and genders(c) == genders(o) for c, o in pairs]
    lenient = [c in all_right for c, all_right in zip(candidates, accepted, strict=True)]
    return CaptionScores(
        exact_match=_share(lenient),
        strict_match=_share([c == o for c, o in pairs]),
        tone=_share([tones(c) == tones(o) for c, o in _telling(pairs, tones)]),
        gender=_share([genders(c) == genders(o) for c, o in _telling(pairs, genders)]),
        tone_and_gender=_share(both),
    )


def tones(caption: str) -> tuple[str, ...]:
    """The skin tones that a caption tells, in its order: ("medium-dark",)."""
    return tuple(_TONE.findall(caption))


def genders(caption: str) -> tuple[str, ...]:
    """The genders that a caption tells, in its order: ("woman", "man")."""
    return tuple(_GENDER_OF[word] for word in caption.split() if word in _GENDER_OF)


def _telling(
    pairs: Sequence[tuple[str, str]], part: Callable[[str], tuple[str, ...]]
) -> list[tuple[str, str]]:
    return [pair for pair in pairs if part(pair[1])]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else float("nan")
