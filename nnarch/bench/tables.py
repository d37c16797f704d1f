"""Benchmark results on the terminal."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from nnarch.bench.entrant import Costs
from nnarch.bench.peak import Peak
from nnarch.bench.results import CaptioningResult, CTCSearch, Row
from nnarch.bench.timing import Spread

MEBI = 2**20


def print_peak(summit: Peak, machine: Mapping[str, object]) -> None:
    """What this was measured on, and the fastest product found there."""
    print_machine(machine)
    print(
        f"fastest matrix product: {summit.best.name} at "
        f"{summit.gflops[summit.best.name]:.0f} GFLOP/s"
    )


def print_machine(machine: Mapping[str, object]) -> None:
    """What this was measured on."""
    versions = machine["versions"]
    print(
        f"{machine['device']}: {machine['processor']}, {machine['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    )


@cache
def say_once(message: str) -> None:
    """Prints a line the first time it is given."""
    print(message)


def as_json(row: NamedTuple) -> dict[str, object]:
    """A result, and what it is made of, as dicts."""
    return {
        name: value._asdict() if hasattr(value, "_asdict") else value
        for name, value in row._asdict().items()
    }


def warn_if_busy(load: float | None, cores: int) -> None:
    """Other work on the machine: barriers of OpenMP threads then cost more than the layers."""
    if load is not None and load > cores / 2:
        print(
            f"This machine is busy (load {load:.1f} on {cores} cores): what follows says little, "
            "least of all about PyTorch. Repeat it on a quiet one."
        )


def print_rows(rows: Sequence[Row]) -> None:
    """One table for one cell and shape: the entrants' forward passes, then their training."""
    shape = rows[0].shape
    table = Table(
        title=f"{rows[0].cell}  T={shape.time} B={shape.batch} D={shape.inputs} H={shape.hidden}",
        caption="ratio: time / nnarch's, median of rounds; memory in MiB: kept for the backward "
        "pass, and temporary in the whole step",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("", "library"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ms", "quartiles", "ratio", "of peak", "kept", "temporary", "compile s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and before.what != row.what:
            table.add_section()
        table.add_row(row.what, row.entrant, *_figures(row))
    screen().print(table)


def print_captioning(result: CaptioningResult, *, batch_size: int) -> None:
    """The step, what share of it each part would be on its own, and PyTorch's step."""
    table = Table(title=f"captioning, a training step of {batch_size}", box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for heading in ("ms", "quartiles", "of the step"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, seconds in {"whole step": result.step, **result.parts}.items():
        share = f"{seconds.median / result.step.median:.0%}"
        table.add_row(name, f"{seconds.median * 1e3:.2f}", quartiles_in_ms(seconds), share)
    rest = result.rest_seconds()
    table.add_row("the rest", f"{rest * 1e3:.2f}", "", f"{rest / result.step.median:.0%}")
    screen().print(table)
    print(f"{batch_size / result.step.median:.0f} examples/s")
    if result.torch is not None:
        print(
            f"PyTorch's whole step: {result.torch.median * 1e3:.2f} ms "
            f"({quartiles_in_ms(result.torch)}), {result.torch_ratio.median:.2f} times ours"
        )


def print_search(search: CTCSearch) -> None:
    """The beam search's time, beside the audio that it stands for."""
    shape, audio = search.shape, search.audio_seconds
    print(
        f"beam search of {search.beam}, B={shape.batch} T={shape.time} V={shape.classes}: "
        f"{search.seconds.median * 1e3:.1f} ms ({quartiles_in_ms(search.seconds)}) for {audio:.0f} "
        f"s of audio, {audio / search.seconds.median:.0f} times as fast as it is spoken"
    )


def screen() -> Console:
    """A terminal as wide as it is; a file or pipe wide enough for any table."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _figures(row: Row) -> tuple[str, ...]:
    costs = row.costs if row.what == "training" else Costs(None, None, None)
    return (
        f"{row.seconds.median * 1e3:.2f}",
        quartiles_in_ms(row.seconds),
        f"{row.ratio.median:.2f}",
        f"{row.peak_fraction.median:.0%}",
        mebibytes(costs.residual_bytes),
        mebibytes(costs.temporary_bytes),
        "" if costs.compile_seconds is None else f"{costs.compile_seconds:.2f}",
    )


def quartiles_in_ms(seconds: Spread) -> str:
    """Of a spread of seconds, as milliseconds."""
    return f"{seconds.lower * 1e3:.2f}-{seconds.upper * 1e3:.2f}"


def mebibytes(count: int | None) -> str:
    """Bytes in MiB; nothing where they are not known."""
    return "" if count is None else f"{count / MEBI:.2f}"
