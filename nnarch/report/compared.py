"""Several runs in one picture: a figure of each against what it took."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nnarch.report.markup import join
from nnarch.report.page import Section, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

Lines = Mapping[str, np.ndarray]  # name -> [N, 2]


def compared_section(
    title: str, lines: Lines, *, across: str, upward: str, file: str, note: str = ""
) -> Section:
    """One line a run, its name at its end; the first is drawn the thickest.

    Args:
      title: of the section.
      lines: by name, [N, 2] each; none with no points.
      across, upward: what the axes are.
      file: the picture's name, beside the page.
      note: a paragraph above it.
    """
    lines = {name: points for name, points in lines.items() if len(points)}
    if not lines:
        return Section(title, paragraph("Nothing has been logged yet."))
    light, dark = (
        png_of_figure(_draw(lines, across, upward, palette)) for palette in (LIGHT, DARK)
    )
    above = [paragraph(note)] if note else []
    alt = f"{upward} against {across}: {', '.join(lines)}"
    return Section(title, join([*above, inline_pair(light, dark, alt=alt)]), {file: light})


def _draw(lines: Lines, across: str, upward: str, palette: Palette) -> Figure:
    figure = Figure(figsize=(7, 3.4), layout="constrained", facecolor=palette.ground)
    axes = figure.subplots()
    dress(axes, palette)
    for place, (name, points) in enumerate(lines.items()):
        colour = palette.series[place % len(palette.series)]
        style = "-" if place < len(palette.series) else "--"
        axes.plot(*points.T, style, label=name, color=colour, linewidth=1.4 if place else 2.2)
    axes.set_xlabel(across, fontsize=9, color=palette.ink)
    axes.set_ylabel(upward, fontsize=9, color=palette.ink)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(fontsize=8, frameon=False, labelcolor="linecolor")
    return figure
