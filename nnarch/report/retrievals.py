"""What a query found, the nearest first: a line of cards each, right ones marked."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.report.gallery import HEADINGS, choose
from nnarch.report.markup import Html, classed, element, join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.pictures import inline, png_of_array, png_of_figure

INK, RIGHT, WRONG = "#1d2433", "#1a7f37", "#b3261e"


class Found(NamedTuple):
    """One answer to a query."""

    text: str
    is_right: bool | None = None  # None where nobody knows
    picture: np.ndarray | None = None  # [Y, X] or [Y, X, 3]; uint8, or float from 0 to 1
    note: str = ""


class Retrieval(NamedTuple):
    """A query and what it found."""

    query: str
    found: Sequence[Found]  # the nearest first
    score: float = 0.0  # how good the answer is; larger is better
    picture: np.ndarray | None = None  # of the query
    note: str = ""


def retrievals_section(
    title: str, retrievals: Sequence[Retrieval], *, each: int = 4, note: str = ""
) -> Section:
    """The best, typical and worst queries by their scores; the same as a PNG for each of the three.

    None of them is shown twice under one heading.
    """
    if not retrievals:
        return Section(title, paragraph("There are no queries yet."))
    chosen = choose(retrievals, each=each)._asdict()
    groups = [
        join([element("h3", HEADINGS[name]), *map(_line, group)]) for name, group in chosen.items()
    ]
    files = {f"{anchor(title)}-{name}.png": retrievals_png(group) for name, group in chosen.items()}
    return Section(title, join([*([paragraph(note)] if note else []), *groups]), files)


def retrieval_lines_section(
    title: str, retrievals: Sequence[Retrieval], *, note: str = ""
) -> Section:
    """Every query in order; the same as one PNG."""
    if not retrievals:
        return Section(title, paragraph("There are no queries yet."))
    files = {f"{anchor(title)}.png": retrievals_png(retrievals)}
    above = [paragraph(note)] if note else []
    return Section(title, join([*above, *map(_line, retrievals)]), files)


KINDS = {True: "card right", False: "card wrong", None: "card"}
MARKS = {True: "✓ ", False: "✗ ", None: ""}


def _line(retrieval: Retrieval) -> Html:
    asked = _card(Found(retrieval.query, None, retrieval.picture, retrieval.note), "card asked")
    if any(found.picture is not None for found in retrieval.found):
        answers = [_card(found, KINDS[found.is_right]) for found in retrieval.found]
    else:
        answers = [element("ol", *map(_item, retrieval.found))]
    return classed("div", "cards small found", asked, *answers)


def _item(found: Found) -> Html:
    kind = KINDS[found.is_right].removeprefix("card").strip()
    return classed("li", kind, *_marked(found), *([f" {found.note}"] if found.note else []))


def _marked(found: Found) -> list[str]:
    mark = MARKS[found.is_right]
    return [*([classed("span", "mark", mark)] if mark else []), found.text]


def _card(found: Found, kind: str) -> Html:
    parts = []
    if found.picture is not None:
        png = png_of_array(found.picture)
        parts.append(classed("div", "frame", inline(png, alt=found.text)))
    parts.append(classed("p", "said", *_marked(found)))
    if found.note:
        parts.append(classed("p", "note", found.note))
    return classed("figure", kind, *parts)


def retrievals_png(retrievals: Sequence[Retrieval]) -> bytes:
    """A line for each query, on a light ground: the query, then what it found."""
    columns = 1 + max((len(each.found) for each in retrievals), default=0)
    lines = max(len(retrievals), 1)
    figure = Figure(figsize=(1.5 * columns, 1.9 * lines), layout="constrained", facecolor="white")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, each in zip(grid, retrievals, strict=False):
        _draw(line[0], Found(each.query, None, each.picture, each.note), weight="bold")
        for axes, found in zip(line[1:], each.found, strict=False):
            _draw(axes, found)
    return png_of_figure(figure)


def _draw(axes: Axes, found: Found, *, weight: str = "normal") -> None:
    if found.picture is None:
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
    else:
        grey = "gray" if np.ndim(found.picture) == 2 else None
        axes.imshow(found.picture, cmap=grey, interpolation="nearest")
    below = "\n".join(filter(None, [_wrapped(found.text), found.note]))
    axes.set_title(
        below,
        y=-0.03 if found.picture is not None else 0.5,
        pad=0,
        verticalalignment="top" if found.picture is not None else "center",
        fontsize=7,
        fontweight=weight,
        color={True: RIGHT, False: WRONG, None: INK}[found.is_right],
        parse_math=False,
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 20, max_lines=4)
