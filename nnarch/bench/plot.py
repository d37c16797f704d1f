"""Benchmark results as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.bench.results import Row
from nnarch.kernels.workloads import RecurrentWorkload

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # told apart by colour-blind eyes


def ratios(rows: Sequence[Row], path: Path) -> Path:
    """Draws each peer's time over ours, a panel for each cell and pass; returns the PNG's path."""
    cells = list(dict.fromkeys(row.cell for row in rows))
    passes = list(dict.fromkeys(row.what for row in rows))
    figure = Figure(figsize=(6.2 * len(passes), 3.4 * len(cells)), layout="constrained")
    panels = figure.subplots(len(cells), len(passes), squeeze=False)
    for line, cell in zip(panels, cells, strict=True):
        for axes, what in zip(line, passes, strict=True):
            chosen = [row for row in rows if (row.cell, row.what) == (cell, what)]
            _panel(axes, chosen, f"{cell.upper()}, {what}")
    panels[0, 0].legend(frameon=False)
    figure.savefig(path, dpi=130)
    return path


def _panel(axes: Axes, rows: Sequence[Row], title: str) -> None:
    shapes = list(dict.fromkeys(row.shape for row in rows))
    peers = [name for name in dict.fromkeys(row.entrant for row in rows) if name != "nnarch"]
    width = 0.8 / max(len(peers), 1)
    for index, (peer, colour) in enumerate(zip(peers, COLOURS, strict=False)):
        chosen = [row.ratio for row in rows if row.entrant == peer]
        medians = np.array([ratio.median for ratio in chosen])
        arms = np.array(
            [[r.median - r.lower for r in chosen], [r.upper - r.median for r in chosen]]
        )
        places = np.arange(len(shapes)) + width * (index - (len(peers) - 1) / 2)
        bars = axes.bar(
            places, medians, width * 0.92, yerr=arms, label=peer, color=colour, capsize=2
        )
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_xticks(range(len(shapes)), [_caption(row_shape) for row_shape in shapes])
    axes.set_ylabel("time / nnarch's")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def _caption(shape: RecurrentWorkload) -> str:
    return f"T={shape.time} B={shape.batch}\nD={shape.inputs} H={shape.hidden}"
