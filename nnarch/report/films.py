"""Clips frame by frame: what each frame is, what it was told to be, and where that is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.report.gallery import HEADINGS, choose
from nnarch.report.markup import classed, element
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette
from nnarch.report.pictures import inline_pair, png_of_figure

COLUMNS = 12  # frames beside each other
LINE = 1.42  # how much higher a line is than a frame is wide
PANEL = (0.95, 0.95 * LINE)  # inches
WRONG = "#e5484d"  # seen on a light and on a dark page


class Film(NamedTuple):
    """One clip of T frames."""

    frames: np.ndarray  # [T, Y, X] or [T, Y, X, 3]; uint8, or float from 0 to 1
    truth: Sequence[str]  # of each frame; nothing where there is nothing to say
    told: Sequence[str]
    wrong: np.ndarray  # bool [T]
    marked: np.ndarray  # bool [T], frames with a bar above them
    score: float  # larger is better


def films_section(title: str, films: Sequence[Film], *, each: int = 3, note: str = "") -> Section:
    """Draws `each` of the best, of typical and of the worst; the same as a PNG file each.

    Raises:
      ValueError: a clip has not as many texts or marks as frames.
    """
    if not films:
        return Section(title, paragraph("There are no clips yet."))
    parts, files = [paragraph(note)] if note else [], {}
    for name, group in choose(films, each=each)._asdict().items():
        parts.append(element("h3", HEADINGS[name]))
        for place, film in enumerate(group):
            light, dark = (png_of_figure(draw(film, colours)) for colours in (LIGHT, DARK))
            alt = ", ".join(dict.fromkeys(text for text in film.truth if text)) or "at rest"
            parts.append(inline_pair(light, dark, alt=alt))
            files[f"{anchor(title)}-{name}-{place}.png"] = light
    return Section(title, classed("div", "block", *parts), files)


def draw(film: Film, palette: Palette) -> Figure:
    """The frames in lines, with their texts."""
    count = len(film.frames)
    if not {len(part) for part in film[1:5]} == {count}:
        raise ValueError(
            f"expected texts and marks for each of {count} frames; got "
            f"{[len(part) for part in film[1:5]]}. Cut all to one length."
        )
    lines = -(-count // COLUMNS)
    figure = Figure(figsize=(PANEL[0] * COLUMNS, PANEL[1] * lines), facecolor=palette.ground)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, COLUMNS), ylim=(lines * LINE, 0))
    for place in range(count):
        line, column = divmod(place, COLUMNS)
        _draw_frame(axes, film, place, (column, line * LINE), palette)
    return figure


def _draw_frame(
    axes: Axes, film: Film, place: int, corner: tuple[float, float], palette: Palette
) -> None:
    """One frame, a little less than 1 wide, below and to the right of a corner."""
    (left, top), frame = corner, film.frames[place]
    axes.imshow(
        frame,
        cmap="gray",
        vmin=0,
        vmax=255 if frame.dtype == np.uint8 else 1,
        extent=(left + 0.03, left + 0.97, top + 1.02, top + 0.08),
        aspect="auto",
        zorder=1,
    )
    if film.marked[place]:
        axes.hlines(top + 0.04, left + 0.03, left + 0.97, color=palette.series[0], linewidth=3)
    texts = [(film.truth[place] or "·", palette.ink)]
    if film.wrong[place]:
        texts.append((f"✗ {film.told[place] or 'at rest'}", WRONG))
    for number, (text, colour) in enumerate(texts):
        axes.text(
            left + 0.5,
            top + 1.06 + 0.16 * number,
            text,
            fontsize=7,
            color=colour,
            horizontalalignment="center",
            verticalalignment="top",
            parse_math=False,
        )
