"""Texts whose words are tinted by how much each of them moved what was told."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nnarch.report.gallery import HEADINGS
from nnarch.report.markup import Html, classed, element, join
from nnarch.report.page import Section, paragraph

FULL = 1.0  # an effect that gets the strongest tint
FAINT = 0.05  # one that gets none


class TintedText(NamedTuple):
    """A text by its words, and what was told of it."""

    words: tuple[str, ...]
    effects: tuple[float, ...]  # of each word: above 0 where it moved what was told up
    told: float
    true: float | None = None


def tinted_section(
    title: str, groups: Mapping[str, Sequence[TintedText]], *, note: str = ""
) -> Section:
    """Groups of texts, such as the "good", "typical" and "worst" of `choose`."""
    if not any(groups.values()):
        return Section(title, paragraph("There are no examples yet."))
    shown = [
        join(
            [element("h3", HEADINGS.get(name, name)), classed("div", "tinted", *map(_line, group))]
        )
        for name, group in groups.items()
    ]
    return Section(title, join([*([paragraph(note)] if note else []), *shown]))


def _line(text: TintedText) -> Html:
    words = zip(text.words, text.effects, strict=True)
    shown = join(part for word, effect in words for part in (_word(word, effect), " "))
    true = "" if text.true is None else f" true {text.true:+.1f}"
    figures = classed("span", "figures", element("b", f"{text.told:+.1f}"), true)
    return classed("p", "line", figures, shown)


def _word(word: str, effect: float) -> Html:
    if abs(effect) < FAINT:
        return element("span", word)
    share = round(100 * min(1.0, abs(effect) / FULL) * 0.6)
    colour = f"var(--{'right' if effect > 0 else 'wrong'})"
    style = f"background:color-mix(in srgb, {colour} {share}%, transparent)"
    return element("span", word, attributes={"style": style, "title": f"{effect:+.2f}"})
