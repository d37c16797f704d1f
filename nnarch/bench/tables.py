"""Benchmark results on the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from nnarch.bench.peak import Peak
from nnarch.bench.row import Row
from nnarch.bench.timing import Spread

MEBI = 2**20


def print_peak(summit: Peak, machine: Mapping[str, object]) -> None:
    """What this was measured on, and the fastest product found there."""
    versions = machine["versions"]
    print(
        f"{machine['device']}: {machine['processor']}, {machine['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    )
    print(
        f"fastest matrix product: {summit.best.name} at "
        f"{summit.gflops[summit.best.name]:.0f} GFLOP/s"
    )


def print_rows(rows: Sequence[Row]) -> None:
    """One table for one cell and shape: the entrants' forward passes, then their training."""
    shape = rows[0].shape
    table = Table(
        title=f"{rows[0].cell}  T={shape.time} B={shape.batch} D={shape.inputs} H={shape.hidden}",
        caption="median (quartiles); ratio: time / nnarch's, median of rounds",
    )
    for heading in ("pass", "library"):
        table.add_column(heading)
    for heading in ("ms", "ratio", "of peak", "kept MiB", "temporary MiB", "compile s"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.what, row.entrant, *_figures(row))
    Console().print(table)


def _figures(row: Row) -> tuple[str, ...]:
    costs = row.costs if row.what == "training" else None
    return (
        in_ms(row.seconds),
        f"{row.ratio.median:.2f} ({row.ratio.lower:.2f}-{row.ratio.upper:.2f})",
        f"{row.peak_fraction.median:.0%}",
        _mebibytes(costs and costs.residual_bytes),
        _mebibytes(costs and costs.temporary_bytes),
        "" if costs is None or costs.compile_seconds is None else f"{costs.compile_seconds:.2f}",
    )


def in_ms(seconds: Spread) -> str:
    """A spread of seconds as milliseconds."""
    return f"{seconds.median * 1e3:.2f} ({seconds.lower * 1e3:.2f}-{seconds.upper * 1e3:.2f})"


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count / MEBI:.1f}"
