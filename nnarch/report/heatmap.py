"""A matrix as a picture: attention over words, a spectrogram over time, a confusion table."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from nnarch.report.markup import join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

MOST_LABELS = 60  # beyond that they cannot be read
LONGEST_LABEL = 24  # characters


def heatmap_section(
    title: str,
    values: np.ndarray,
    *,
    rows: Sequence[str] | str = "",
    columns: Sequence[str] | str = "",
    note: str = "",
) -> Section:
    """Draws values [Y, X], the first row on top.

    Args:
      title: of the section.
      values: [Y, X], any float; what is no number stays blank.
      rows: a label for each row, or one for the axis.
      columns: the same for the columns.
      note: a paragraph above it.

    Raises:
      ValueError: `values` is no matrix, or the labels are not as many as it has rows or columns.
    """
    _check(values, rows, columns)
    light, dark = (png_of_figure(draw(values, rows, columns, colours)) for colours in (LIGHT, DARK))
    body = join([*([paragraph(note)] if note else []), inline_pair(light, dark, alt=title)])
    return Section(title, body, {f"{anchor(title)}.png": light})


def _check(values: np.ndarray, rows: Sequence[str] | str, columns: Sequence[str] | str) -> None:
    if np.ndim(values) != 2:
        raise ValueError(f"expected a matrix [Y, X]; got {np.shape(values)}. Pass one picture.")
    for labels, count, name in zip((rows, columns), values.shape, ("rows", "columns"), strict=True):
        if not isinstance(labels, str) and len(labels) != count:
            raise ValueError(
                f"expected a label for each of {count} {name}; got {len(labels)}. "
                "Cut padding from the matrix, or pass one label for the axis."
            )


def draw(
    values: np.ndarray, rows: Sequence[str] | str, columns: Sequence[str] | str, palette: Palette
) -> Figure:
    """The matrix and a scale beside it."""
    height, width = values.shape
    labelled = not isinstance(rows, str) or not isinstance(columns, str)
    size = (max(4, 0.32 * width + 2), max(2.6, 0.32 * height + 1)) if labelled else (9, 3.2)
    figure = Figure(figsize=np.minimum(size, 14), layout="constrained", facecolor=palette.ground)
    axes = figure.subplots()
    dress(axes, palette)
    axes.grid(visible=False)
    shown = axes.imshow(values, aspect="auto", interpolation="nearest", cmap="viridis")
    _label(axes.set_yticks, axes.set_ylabel, rows, rotation=0)
    _label(axes.set_xticks, axes.set_xlabel, columns, rotation=60)
    scale = figure.colorbar(shown, ax=axes, fraction=0.03, pad=0.02)
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors=palette.ink, labelsize=8, length=0)
    return figure


def _label(
    set_ticks: Callable[..., object],
    set_name: Callable[..., object],
    labels: Sequence[str] | str,
    *,
    rotation: float,
) -> None:
    if isinstance(labels, str):
        set_name(labels, parse_math=False)
    elif len(labels) <= MOST_LABELS:
        labels = [textwrap.shorten(label, LONGEST_LABEL, placeholder="…") for label in labels]
        set_ticks(range(len(labels)), labels, rotation=rotation, fontsize=8, parse_math=False)
