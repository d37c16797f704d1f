"""How a picture came about: the canvas step by step, and the words that each step looked at."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from nnarch.report.markup import join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

PANEL = 0.75  # inches a side of a canvas
LINE = 0.17  # inches a word


class DrawnStepwise(NamedTuple):
    """A picture of T steps, and what it was drawn from."""

    words: Sequence[str]
    canvases: np.ndarray  # [T, Y, X], from 0 to 1
    shares: np.ndarray  # [T, S], S at least the words; what is past them is left out


def drawn_section(title: str, drawn: Sequence[DrawnStepwise], *, note: str = "") -> Section:
    """Draws each with its canvases in a line, and below them the words, bright where a step looked;
    a PNG file each.
    """
    if not drawn:
        return Section(title, paragraph("There are none."))
    parts, files = [paragraph(note)] if note else [], {}
    for place, each in enumerate(drawn):
        light, dark = (png_of_figure(draw(each, palette)) for palette in (LIGHT, DARK))
        parts.append(inline_pair(light, dark, alt=" ".join(each.words)))
        files[f"{anchor(title)}-{place}.png"] = light
    return Section(title, join(parts), files)


def draw(drawn: DrawnStepwise, palette: Palette) -> Figure:
    """The canvases, and where each step looked if it looked anywhere."""
    steps, words = len(drawn.canvases), len(drawn.words)
    looks = drawn.shares.shape[1] >= words > 1
    heights = [PANEL, LINE * words] if looks else [PANEL]
    figure = Figure(
        figsize=(PANEL * steps + 1, sum(heights) + 0.4),
        layout="constrained",
        facecolor=palette.ground,
    )
    figure.suptitle(" ".join(drawn.words), fontsize=9, color=palette.ink)
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    strip = np.concatenate([np.pad(c, 1, constant_values=0.3) for c in drawn.canvases], axis=1)
    panels[0].imshow(strip, cmap="gray", vmin=0, vmax=1, aspect="auto")
    panels[0].set_yticks([])
    for axes in panels:
        dress(axes, palette)
        axes.grid(visible=False)
        axes.set_xticks([])
    if looks:
        panels[1].imshow(drawn.shares[:, :words].T, cmap="viridis", vmin=0, aspect="auto")
        panels[1].set_yticks(range(words), drawn.words, fontsize=7)
    return figure
