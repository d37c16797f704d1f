"""Several runs in one picture: a figure of each against what it took."""

from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nnarch.report.markup import join
from nnarch.report.page import Section, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

Lines = Mapping[str, np.ndarray]  # name -> [N, 2]
Axis = Literal["across", "upward"]
_STYLES = ("-", "--", ":")  # by which lines of one colour are told apart


def compared_section(
    title: str,
    lines: Lines,
    *,
    across: str,
    upward: str,
    file: str,
    note: str = "",
    log: Collection[Axis] = (),
) -> Section:
    """One line a run, its name at its end; the first is drawn the thickest.

    Args:
      title: of the section.
      lines: by name, [N, 2] each; none with no points.
      across, upward: what the axes are.
      file: the picture's name, beside the page.
      note: a paragraph above it.
      log: the axes that have a scale of powers of ten; what is drawn along them is above 0.
    """
    lines = {name: points for name, points in lines.items() if len(points)}
    if not lines:
        return Section(title, paragraph("Nothing has been logged yet."))
    light, dark = (
        png_of_figure(_draw(lines, across, upward, log, palette)) for palette in (LIGHT, DARK)
    )
    above = [paragraph(note)] if note else []
    alt = f"{upward} against {across}: {', '.join(lines)}"
    return Section(title, join([*above, inline_pair(light, dark, alt=alt)]), {file: light})


def _draw(
    lines: Lines, across: str, upward: str, log: Collection[Axis], palette: Palette
) -> Figure:
    figure = Figure(figsize=(7, 3.4), layout="constrained", facecolor=palette.ground)
    axes = figure.subplots()
    dress(axes, palette)
    colours = len(palette.series)
    for place, (name, points) in enumerate(lines.items()):
        colour = palette.series[place % colours]
        style = _STYLES[place // colours % len(_STYLES)]
        axes.plot(*points.T, style, label=name, color=colour, linewidth=1.4 if place else 2.2)
    axes.set_xlabel(across, fontsize=9, color=palette.ink)
    axes.set_ylabel(upward, fontsize=9, color=palette.ink)
    _scale(axes, log)
    axes.legend(fontsize=8, frameon=False, labelcolor="linecolor")
    return figure


def _scale(axes: Axes, log: Collection[Axis]) -> None:
    if "upward" in log:
        axes.set_yscale("log")
    if "across" in log:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
