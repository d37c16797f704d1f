"""Learning curves from the rows of a run's log: a panel for each figure, a line for each split."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.report.markup import Html, classed, join
from nnarch.report.page import Section, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure
from nnarch.report.tables import in_words

Row = Mapping[str, Any]  # "step", "split" and figures; a figure that was not finite is None
Curves = Mapping[str, Mapping[str, np.ndarray]]  # figure -> split -> [N, 2] of step and value

# What a row says of itself, and of the engine's wellbeing rather than of learning.
_NOT_DRAWN = {"step", "time", "split", "skipped", "step_ms", "wait_ms"}
_SPEEDS = ("examples_per_s", "tokens_per_s", "characters_per_s")
_DRAWN_LAST = ("learning_rate", "gradient_norm", *_SPEEDS)

COLUMNS = 3
FEW_POINTS = 30  # each gets a dot


class Steps(NamedTuple):
    """What all panels share."""

    last: float  # where their axes end
    best: int | None  # marked in each


def curves_section(
    rows: Iterable[Row], *, title: str = "Learning curves", best_step: int | None = None
) -> Section:
    """A picture a figure, in the page's colours; curves.png beside the page holds them all.

    Args:
      rows: dictionaries with "step", "split" and figures, such as metrics.jsonl holds.
      title: of the section.
      best_step: marked where known: the step whose parameters were kept.
    """
    curves = gather(rows)
    if not curves:
        return Section(title, paragraph("Nothing has been logged yet."))
    steps = Steps(_last_step(curves), best_step)
    panels = (_shown(name, by_split, steps) for name, by_split in curves.items())
    kept = f" The dashed line is step {best_step}, whose parameters were kept." if best_step else ""
    note = paragraph("Each training value is a mean over the steps since the one before." + kept)
    files = {"curves.png": png_of_figure(draw(curves, steps, LIGHT))}
    return Section(title, join([note, classed("div", "panels", *panels)]), files)


def _last_step(curves: Curves) -> float:
    ends = (points[-1, 0] for by_split in curves.values() for points in by_split.values())
    return max(1, *ends)


def _shown(name: str, by_split: Mapping[str, np.ndarray], steps: Steps) -> Html:
    """One panel: they stand side by side or, on a phone, one below the other."""
    light, dark = (
        png_of_figure(draw({name: by_split}, steps, palette)) for palette in (LIGHT, DARK)
    )
    return inline_pair(light, dark, alt=f"Learning curve: {in_words(name)}")


def gather(rows: Iterable[Row]) -> Curves:
    """Sorts rows into curves: the loss first, then in order of appearance, the engine's own last.

    Rows or figures that are damaged are passed over.
    """
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if not _is_finite(row.get("step")):
            continue
        for name, value in row.items():
            if name not in _NOT_DRAWN and _is_finite(value):
                by_split = points.setdefault(name, {})
                by_split.setdefault(str(row.get("split", "")), []).append((row["step"], value))
    return {
        name: {split: np.array(pairs, float) for split, pairs in points[name].items()}
        for name in sorted(points, key=_place)
    }


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _place(name: str) -> int:
    if name in _DRAWN_LAST:
        return 2 + _DRAWN_LAST.index(name)
    return 0 if name == "loss" else 1


def draw(curves: Curves, steps: Steps, palette: Palette) -> Figure:
    """Panels in rows of three."""
    columns = min(COLUMNS, len(curves))
    lines = -(-len(curves) // columns)
    figure = Figure(
        figsize=(3.5 * columns, 2.4 * lines), layout="constrained", facecolor=palette.ground
    )
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(curves) :]:
        axes.set_axis_off()
    for axes, (name, by_split) in zip(panels, curves.items(), strict=False):
        _panel(axes, name, by_split, palette)
        axes.set_xlim(0, steps.last)
        if steps.best is not None:
            axes.axvline(steps.best, color=palette.ink, linewidth=0.8, linestyle=(0, (4, 3)))
    return figure


def _panel(axes: Axes, name: str, by_split: Mapping[str, np.ndarray], palette: Palette) -> None:
    dress(axes, palette)
    lowest_first = sorted(by_split, key=lambda split: by_split[split][-1, 1])
    for place, split in enumerate(lowest_first):
        points, colour = by_split[split], _colour(split, palette)
        marker = "o" if len(points) < FEW_POINTS else None
        axes.plot(
            *points.T, label=split, color=colour, linewidth=1.6, marker=marker, markersize=2.5
        )
        axes.annotate(
            f"{points[-1, 1]:.3g}",
            points[-1],
            xytext=(4, 10 * (place - (len(by_split) - 1) / 2)),  # apart, where curves end together
            textcoords="offset points",
            color=colour,
            fontsize=8,
            verticalalignment="center",
            annotation_clip=False,
        )
    axes.set_title(in_words(name), loc="left", fontsize=10, color=palette.ink, parse_math=False)
    _name_the_splits(axes)
    if name != "learning_rate" and _spans_decades(by_split):
        axes.set_yscale("log")


def _colour(split: str, palette: Palette) -> str:
    return palette.series[0 if split == "train" else 1]


def _name_the_splits(axes: Axes) -> None:
    """In their colours above the panel, where they cover no curve."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        labelcolor="linecolor",
        fontsize=8,
        frameon=False,
        handlelength=0,
        markerscale=0,
        handletextpad=0,
        columnspacing=0.9,
        borderpad=0,
    )


def _spans_decades(by_split: Mapping[str, np.ndarray]) -> bool:
    values = np.concatenate([points[:, 1] for points in by_split.values()])
    return bool(values.min() > 0 and values.max() > 50 * values.min())
