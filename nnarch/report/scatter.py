"""Told values against true ones, a dot for each."""

import numpy as np
from matplotlib.figure import Figure

from nnarch.report.markup import join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure


def scatter_section(
    title: str,
    true: np.ndarray,
    told: np.ndarray,
    *,
    across: str,
    upward: str,
    note: str = "",
) -> Section:
    """Draws true [N] to the right and told [N] upward, with the line on which they are the same.

    Raises:
      ValueError: there are not as many of the one as of the other, or none.
    """
    if np.ndim(true) != 1 or np.shape(true) != np.shape(told) or not len(true):
        raise ValueError(
            f"expected two values of each of some examples; got {np.shape(true)} and "
            f"{np.shape(told)}. Pass one true and one told value of each."
        )
    light, dark = (
        png_of_figure(_draw(true, told, across, upward, palette)) for palette in (LIGHT, DARK)
    )
    above = [paragraph(note)] if note else []
    alt = f"{upward} against {across}"
    body = join([*above, inline_pair(light, dark, alt=alt)])
    return Section(title, body, {f"{anchor(title)}.png": light})


def _draw(true: np.ndarray, told: np.ndarray, across: str, upward: str, palette: Palette) -> Figure:
    figure = Figure(figsize=(5.2, 4.6), layout="constrained", facecolor=palette.ground)
    axes = figure.subplots()
    dress(axes, palette)
    ends = [min(np.min(true), np.min(told)), max(np.max(true), np.max(told))]
    axes.plot(ends, ends, color=palette.faint, linewidth=1.4)
    axes.plot(true, told, "o", color=palette.series[0], markersize=3, alpha=0.45, linewidth=0)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(across, fontsize=9, color=palette.ink)
    axes.set_ylabel(upward, fontsize=9, color=palette.ink)
    return figure
