"""A segmented volume in three planes: the picture, the truth, what was found, and what is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nnarch.report.markup import classed, element, join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette
from nnarch.report.pictures import inline_pair, png_of_figure


class Segmented(NamedTuple):
    """One volume; axes to the right, to the front and up."""

    name: str
    picture: np.ndarray  # [X, Y, Z], any brightnesses
    truth: np.ndarray  # int [X, Y, Z], 0 what lies around
    found: np.ndarray  # the same
    note: str = ""


PLANES = ("from the right", "from the front", "from above")
COLUMNS = ("picture", "truth", "found", "wrong")
COLOURS = ("#3b82c4", "#e0a030", "#e8e4da")  # of the classes from 1 on, on black
WRONG = "#e5484d"


def slices_section(
    title: str, volumes: Sequence[Segmented], classes: Sequence[str], *, note: str = ""
) -> Section:
    """Draws the middle planes of each volume; the same as a PNG file each.

    Args:
      title: of the section.
      volumes: in order.
      classes: what labels 1, 2, ... are called; at most as many as there are `COLOURS`.
      note: a paragraph above them.
    """
    if not volumes:
        return Section(title, paragraph("There are no volumes yet."))
    parts, files = [paragraph(note)] if note else [], {}
    for volume in volumes:
        light, dark = (png_of_figure(draw(volume, classes, colours)) for colours in (LIGHT, DARK))
        told = [paragraph(volume.note)] if volume.note else []
        picture = inline_pair(light, dark, alt=volume.name)
        parts.append(join([element("h3", volume.name), *told, picture]))
        files[f"{anchor(title)}-{anchor(volume.name)}.png"] = light
    return Section(title, classed("div", "block", *parts), files)


def draw(volume: Segmented, classes: Sequence[str], palette: Palette) -> Figure:
    """A line for each plane: picture, truth, found, wrong."""
    figure = Figure(figsize=(9, 8.2), layout="constrained", facecolor=palette.ground)
    panels = figure.subplots(len(PLANES), len(COLUMNS))
    middles = _middles(volume.truth)
    for axis, (line, plane) in enumerate(zip(panels, PLANES, strict=True)):
        for axes, column, image in zip(line, COLUMNS, _images(volume, axis, middles), strict=True):
            axes.imshow(image, cmap="gray", origin="lower", interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if axis == 0:
                axes.set_title(column, color=palette.ink, fontsize=9)
        line[0].set_ylabel(plane, color=palette.ink, fontsize=9)
    named = [*zip(COLOURS, classes, strict=False), (WRONG, "wrong")]
    figure.legend(
        handles=[Patch(facecolor=colour, label=name) for colour, name in named],
        loc="outside lower center",
        ncols=len(named),
        frameon=False,
        labelcolor=palette.ink,
        fontsize=9,
    )
    return figure


def _middles(truth: np.ndarray) -> list[int]:
    """The middle of what is labelled along each axis, a little off it: there lies a cleft."""
    places = np.argwhere(truth > 0)
    if not len(places):
        return [side // 2 for side in truth.shape]
    low, high = places.min(axis=0), places.max(axis=0)
    return [int(place) for place in np.round(low + 0.45 * (high - low))]


def _images(volume: Segmented, axis: int, middles: list[int]) -> list[np.ndarray]:
    """[rows from below, columns] or with 3 colours behind: one image for each of the columns."""
    picture, truth, found = (
        np.take(array, middles[axis], axis).T
        for array in (volume.picture, volume.truth, volume.found)
    )
    wrong = 0.35 * _coloured(truth)
    wrong[truth != found] = to_rgb(WRONG)
    return [picture, _coloured(truth), _coloured(found), wrong]


def _coloured(labels: np.ndarray) -> np.ndarray:
    colours = np.array([(0, 0, 0), *map(to_rgb, COLOURS)])
    return colours[np.minimum(labels, len(COLOURS))]
