"""A matrix as a picture: attention over words, a spectrogram over time, a confusion table."""

import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
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
    texts: Sequence[Sequence[str]] | None = None,
    note: str = "",
) -> Section:
    """Draws values [Y, X], the first row on top.

    Args:
      title: of the section.
      values: [Y, X], any float; what is no number stays blank.
      rows: a label for each row, or one for the axis.
      columns: the same for the columns.
      texts: what is written into each cell, by row; nothing if left out.
      note: a paragraph above it.

    Raises:
      ValueError: `values` is no matrix, or labels or texts are not as many as it has rows, columns
        or cells.
    """
    light, dark = _drawn(values, rows, columns, texts)
    body = join([*([paragraph(note)] if note else []), inline_pair(light, dark, alt=title)])
    return Section(title, body, {f"{anchor(title)}.png": light})


class AttentionMap(NamedTuple):
    """Where a net looked while it told something."""

    told: tuple[str, ...]
    read: tuple[str, ...]
    shares: np.ndarray  # [told, read]


def attention_section(title: str, maps: Sequence[AttentionMap], *, note: str = "") -> Section:
    """Draws maps one below the other; what was told goes down, what was read to the right."""
    if not maps:
        return Section(title, paragraph("There are none."))
    pairs = [_drawn(each.shares, each.told, each.read) for each in maps]
    pictures = [
        inline_pair(*pair, alt=" ".join(m.told)) for pair, m in zip(pairs, maps, strict=True)
    ]
    files = {f"{anchor(title)}-{place}.png": light for place, (light, _) in enumerate(pairs)}
    return Section(title, join([*([paragraph(note)] if note else []), *pictures]), files)


def attention_picture(looked: AttentionMap) -> bytes:
    """A PNG of one map."""
    return _drawn(looked.shares, looked.told, looked.read)[0]


def _drawn(
    values: np.ndarray,
    rows: Sequence[str] | str,
    columns: Sequence[str] | str,
    texts: Sequence[Sequence[str]] | None = None,
) -> tuple[bytes, bytes]:
    """PNGs for a light and a dark page."""
    _check(values, rows, columns, texts)
    return tuple(
        png_of_figure(draw(values, rows, columns, colours, texts)) for colours in (LIGHT, DARK)
    )


def _check(
    values: np.ndarray,
    rows: Sequence[str] | str,
    columns: Sequence[str] | str,
    texts: Sequence[Sequence[str]] | None,
) -> None:
    if np.ndim(values) != 2:
        raise ValueError(f"expected a matrix [Y, X]; got {np.shape(values)}. Pass one picture.")
    for labels, count, name in zip((rows, columns), values.shape, ("rows", "columns"), strict=True):
        if not isinstance(labels, str) and len(labels) != count:
            raise ValueError(
                f"expected a label for each of {count} {name}; got {len(labels)}. "
                "Cut padding from the matrix, or pass one label for the axis."
            )
    if texts is not None and np.shape(texts) != np.shape(values):
        raise ValueError(
            f"expected a text for each cell of {np.shape(values)}; got {np.shape(texts)}. "
            "Leave a cell empty with an empty text."
        )


def draw(
    values: np.ndarray,
    rows: Sequence[str] | str,
    columns: Sequence[str] | str,
    palette: Palette,
    texts: Sequence[Sequence[str]] | None = None,
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
    if texts is not None:
        _write(axes, values, texts, palette)
    _label(axes.set_yticks, axes.set_ylabel, rows, rotation=0)
    _label(axes.set_xticks, axes.set_xlabel, columns, rotation=60)
    scale = figure.colorbar(shown, ax=axes, fraction=0.03, pad=0.02)
    scale.outline.set_visible(False)
    scale.ax.tick_params(colors=palette.ink, labelsize=8, length=0)
    return figure


def _write(
    axes: Axes, values: np.ndarray, texts: Sequence[Sequence[str]], palette: Palette
) -> None:
    """Each cell's text, dark on the light half of the colours and the other way round."""
    middle = (np.nanmin(values) + np.nanmax(values)) / 2 if np.isfinite(values).any() else 0
    for (row, column), value in np.ndenumerate(values):
        colour = "#000000" if value > middle else "#ffffff"
        axes.text(
            column,
            row,
            texts[row][column],
            color=colour if np.isfinite(value) else palette.ink,
            fontsize=8,
            horizontalalignment="center",
            verticalalignment="center",
            parse_math=False,
        )


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
