"""Where a model looked while it told a picture: the picture once a word, lit where it looked."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from nnarch.report.gallery import verdict
from nnarch.report.markup import classed
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette
from nnarch.report.pictures import inline_pair, png_of_figure

COLUMNS = 8  # panels beside each other
PANEL = 1.25  # inches
UNLIT = 0.25  # of its brightness, where a model did not look


class Looked(NamedTuple):
    """A picture, what was said of it, and where each word looked."""

    picture: np.ndarray  # [Y, X] or [Y, X, 3]; uint8, or float from 0 to 1
    words: Sequence[str]  # W
    maps: np.ndarray  # [W, rows, columns], the share of each place, of the whole picture
    truth: str = ""  # what should be said; nothing if it is not known
    note: str = ""


def overlays_section(title: str, looked: Sequence[Looked], *, note: str = "") -> Section:
    """Draws each picture, lit word by word; the same as a PNG file each.

    Raises:
      ValueError: there is not a map for each word.
    """
    if not looked:
        return Section(title, paragraph("There are no pictures yet."))
    parts, files = [paragraph(note)] if note else [], {}
    for number, each in enumerate(looked, 1):
        light, dark = (png_of_figure(draw([each], colours)) for colours in (LIGHT, DARK))
        told = " ".join(each.words)
        said = verdict(each.truth, told, each.note) if each.truth else []
        parts += [*said, inline_pair(light, dark, alt=told)]
        files[f"{anchor(title)}-{number}.png"] = light
    return Section(title, classed("div", "block", *parts), files)


def overlays_png(looked: Sequence[Looked]) -> bytes:
    """All pictures below each other, on a light ground."""
    return png_of_figure(draw(looked, LIGHT))


def draw(looked: Sequence[Looked], palette: Palette) -> Figure:
    """Each picture as it is, then once a word; the words above, the largest share below."""
    panels = [panel for each in looked for panel in _lines(each)]
    lines = -(-len(panels) // COLUMNS)
    size = (PANEL * COLUMNS, (PANEL + 0.45) * lines)
    figure = Figure(figsize=size, layout="constrained", facecolor=palette.ground)
    grid = figure.subplots(lines, COLUMNS, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=True):
        _draw_panel(axes, panel, palette)
    return figure


class _Panel(NamedTuple):
    picture: np.ndarray
    above: str
    below: str


def _lines(looked: Looked) -> list[_Panel | None]:
    """The panels of one picture, in whole lines: the picture in front of the first, then words."""
    if len(looked.maps) != len(looked.words):
        raise ValueError(
            f"expected a map for each of {len(looked.words)} words; got {len(looked.maps)}. "
            "Leave out the steps that are no words."
        )
    highest = np.max(looked.maps, initial=0)
    words = [
        _Panel(lit(looked.picture, shares, highest), word, f"{100 * np.max(shares):.0f} %")
        for word, shares in zip(looked.words, looked.maps, strict=True)
    ]
    first, panels = _Panel(_coloured(looked.picture), "", ""), []
    for start in range(0, max(len(words), 1), COLUMNS - 1):
        line = [None if start else first, *words[start : start + COLUMNS - 1]]
        panels += line + [None] * (COLUMNS - len(line))
    return panels


def lit(picture: np.ndarray, shares: np.ndarray, highest: float) -> np.ndarray:
    """The picture dimmed where little was looked: float [Y, X, 3] from 0 to 1.

    Args:
      picture: [Y, X] or [Y, X, 3]; uint8, or float from 0 to 1.
      shares: [rows, columns], of places that lie over the picture like tiles.
      highest: the share that leaves the picture as it is.
    """
    coloured = _coloured(picture)
    height, width = coloured.shape[:2]
    tiles = Image.fromarray(np.asarray(shares, np.float32))
    smooth = np.asarray(tiles.resize((width, height), Image.Resampling.BILINEAR))
    light = np.clip(smooth / highest, 0, 1) if highest > 0 else np.zeros_like(smooth)
    return coloured * (UNLIT + (1 - UNLIT) * light[..., None])


def _coloured(picture: np.ndarray) -> np.ndarray:
    values = picture / 255 if picture.dtype == np.uint8 else np.clip(picture, 0, 1)
    return np.broadcast_to(values[..., None], (*values.shape, 3)) if values.ndim == 2 else values


def _draw_panel(axes: Axes, panel: _Panel | None, palette: Palette) -> None:
    axes.set_axis_off()
    if panel is None:
        return
    axes.imshow(panel.picture, interpolation="nearest")
    axes.set_title(panel.above, fontsize=9, color=palette.ink, parse_math=False)
    axes.text(
        0.5,
        -0.04,
        panel.below,
        transform=axes.transAxes,
        fontsize=7,
        color=palette.ink,
        horizontalalignment="center",
        verticalalignment="top",
        parse_math=False,
    )
