"""Placeholders in messages, kept as tokens: what a translation has to carry over unchanged.

    "Hello <b>%(name)s</b>, page {number}" -> "Hello <0><1><2>, page <3>"

Numbers are given in the order of the source; the same placeholder has the same number again, on
both sides. So a model need not spell what it has never seen, and can put it where it belongs.
"""

import re
from collections.abc import Sequence

MOST = 10
SYMBOLS = tuple(f"<{number}>" for number in range(MOST))  # what subwords have to keep whole

# Of HTML; people write <your name> too, which is to be translated.
_TAGS = (
    "a|abbr|b|br|button|code|div|em|h[1-6]|i|img|input|kbd|label|li|ol|p|pre|q|small|span|strong"
    "|sub|sup|time|tt|u|ul|var"
)
_PLACEHOLDER = re.compile(
    r"%(?:\(\w+\)|\d+\$)?[-+0#]*\d*(?:\.\d+)?[sdifrgx](?![a-z])"  # printf: %(name)s, %1$s, %.2f
    r"|%%"
    r"|\{\{.*?\}\}|\{[^{}\s]*\}"  # {{ template }}, {name}, {}
    rf"|</?(?:{_TAGS})\b[^<>]*>|<\d+>"  # <a href="...">, and what looks like a symbol of ours
    r"|&[a-z]+;"
    r"|https?://[^\s<>]+"
)


def mask(source: str, target: str = "") -> tuple[str, str, tuple[str, ...]]:
    """Puts symbols in the place of placeholders: source, target, and what each number stands for.

    A placeholder that stands in the target alone keeps its form: see `matched`.

    Raises:
      ValueError: the source has more than MOST different placeholders.
    """
    found = tuple(dict.fromkeys(_PLACEHOLDER.findall(source)))
    if len(found) > MOST:
        raise ValueError(
            f"expected {MOST} different placeholders at most; got {len(found)} in {source!r}. "
            "Shorten the text."
        )
    numbers = dict(zip(found, SYMBOLS, strict=False))

    def put(match: re.Match) -> str:
        return numbers.get(match[0], match[0])

    return _PLACEHOLDER.sub(put, source), _PLACEHOLDER.sub(put, target), found


def restore(text: str, found: Sequence[str]) -> str:
    """Puts placeholders back; a symbol whose number stands for nothing stays."""
    numbers = dict(zip(SYMBOLS, found, strict=False))
    return re.sub(r"<\d+>", lambda match: numbers.get(match[0], match[0]), text)


def count(text: str) -> int:
    """How many different placeholders a text has."""
    return len(set(_PLACEHOLDER.findall(text)))


def matched(source: str, target: str) -> bool:
    """Whether both sides have the same placeholders, each as often."""
    return sorted(_PLACEHOLDER.findall(source)) == sorted(_PLACEHOLDER.findall(target))
