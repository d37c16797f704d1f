"""Entrants that train in turns at one shape: their rows, and the table of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import jax
from rich import box
from rich.table import Table

from nnarch.bench import tables
from nnarch.bench.entrant import Entrant
from nnarch.bench.results import TrainingRow
from nnarch.bench.tables import mebibytes, quartiles_in_ms, screen
from nnarch.bench.timing import ratio, spread, take_turns
from nnarch.kernels.workloads import Workload

Problem = TypeVar("Problem")

OURS = "nnarch"  # whose time the others' are divided by


def installed(
    builders: Mapping[str, Callable[[Problem, jax.Device], Entrant]],
    names: Sequence[str],
    problem: Problem,
    device: jax.Device,
) -> list[Entrant]:
    """The entrants of these names; one whose library is not installed is left out, and it is said.

    Args:
      builders: by name; each fails with ImportError where its library is missing.
      names: which to build.
      problem: what they compute.
      device: where.
    """
    entrants = []
    for name in names:
        try:
            entrants.append(builders[name](problem, device))
        except ImportError as error:
            tables.say_once(f"{name} is left out: {error}. The extra `peers` installs it.")
    return entrants


def rows_of(
    shape: Workload,
    entrants: Sequence[Entrant],
    differences: Mapping[str, float],
    *,
    repeats: int,
    turn_seconds: float,
    base: str = OURS,
) -> list[TrainingRow]:
    """Times training of all entrants in turns, and divides by the time of the one named `base`.

    `differences`, by name, are of each answer from what it is held to.
    """
    calls = {entrant.name: entrant.training for entrant in entrants}
    seconds = take_turns(calls, repeats=repeats, turn_seconds=turn_seconds)
    return [
        TrainingRow(
            shape,
            entrant.name,
            seconds=spread(seconds[entrant.name]),
            ratio=ratio(seconds[entrant.name], seconds[base]),
            costs=entrant.costs,
            difference=differences.get(entrant.name, float("nan")),
        )
        for entrant in entrants
    ]


def print_rows(
    title: str, rows: Sequence[TrainingRow], *, base: str = OURS, truth: str = OURS
) -> None:
    """One table for one shape; `base` is what times are divided by, `truth` what answers meet."""
    table = Table(
        title=title,
        caption=f"ratio: time / that of {base}, median of rounds; memory in MiB: kept for the "
        f"backward pass, and temporary in the whole; difference from {truth}, of its largest value",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("", no_wrap=True)
    for heading in ("ms", "quartiles", "ratio", "kept", "temporary", "compile s", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        compiled = row.costs.compile_seconds
        table.add_row(
            row.entrant,
            f"{row.seconds.median * 1e3:.2f}",
            quartiles_in_ms(row.seconds),
            f"{row.ratio.median:.2f}",
            mebibytes(row.costs.residual_bytes),
            mebibytes(row.costs.temporary_bytes),
            "" if compiled is None else f"{compiled:.2f}",
            "" if row.difference != row.difference else f"{row.difference:.1e}",
        )
    screen().print(table)


def write(target: Path, rows: Sequence[TrainingRow], **more: object) -> None:
    """Writes rows, and whatever else is named, as JSON."""
    target.parent.mkdir(parents=True, exist_ok=True)
    document = {**more, "rows": [tables.as_json(row) for row in rows]}
    target.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print(f"wrote {target}")
