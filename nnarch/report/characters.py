"""Texts letter by letter: written samples, and real text coloured by what one cell holds."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nnarch.report.markup import Html, classed, element, join
from nnarch.report.page import Section, paragraph

LEVELS = 6  # shades on each side of 0
STRONGEST = 70  # percent of the colour at -1 and 1


class ColouredText(NamedTuple):
    """A text, and what a cell holds after each of its characters."""

    title: str
    text: str
    values: np.ndarray  # [len(text)], from -1 to 1


def coloured_section(title: str, texts: Sequence[ColouredText], *, note: str = "") -> Section:
    """Texts one below the other; a character is blue where the value is above 0, red below."""
    if not texts:
        return Section(title, paragraph("There are none."))
    shown = [join([element("h3", each.title), _coloured(each)]) for each in texts]
    return Section(title, join([*([paragraph(note)] if note else []), *shown]))


def written_section(title: str, texts: Mapping[str, str], *, note: str = "") -> Section:
    """Texts as they stand, below their headings."""
    shown = [
        join([element("h3", name), classed("pre", "written", text)]) for name, text in texts.items()
    ]
    return Section(title, join([*([paragraph(note)] if note else []), *shown]))


def _coloured(text: ColouredText) -> Html:
    runs = (_run(part, level) for part, level in _runs(text))
    return classed("pre", "written", *runs)


def _runs(text: ColouredText) -> Iterator[tuple[str, int]]:
    """Neighbours of one shade together; an end of line has none."""
    levels = np.rint(LEVELS * np.clip(np.nan_to_num(text.values), -1, 1)).astype(int)
    pairs = (
        (character, 0 if character == "\n" else level)
        for character, level in zip(text.text, levels, strict=True)
    )
    for level, run in itertools.groupby(pairs, key=lambda pair: pair[1]):
        yield "".join(character for character, _ in run), int(level)


def _run(text: str, level: int) -> Html:
    if not level:
        return element("span", text)
    share = round(STRONGEST * abs(level) / LEVELS)
    colour = f"var(--{'accent' if level > 0 else 'wrong'})"
    style = f"background:color-mix(in srgb, {colour} {share}%, transparent)"
    return element("span", text, attributes={"style": style})
