"""Results of the CTC benchmark on the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from nnarch.bench.results import CTCRow, CTCSearch
from nnarch.bench.tables import mebibytes, quartiles_in_ms, screen


def print_rows(rows: Sequence[CTCRow]) -> None:
    """One table for one shape: the entrants' loss with its gradient."""
    _, batch, time, classes, labels = rows[0].shape
    table = Table(
        title=f"ctc loss with gradient  B={batch} T={time} V={classes} L={labels}",
        caption="ratio: time / nnarch's, median of rounds; memory in MiB: kept for the backward "
        "pass, and temporary in the whole; difference from nnarch, of its largest value",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("library", no_wrap=True)
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


def print_search(search: CTCSearch) -> None:
    """The beam search's time, beside the audio that it stands for."""
    shape, audio = search.shape, search.audio_seconds
    print(
        f"beam search of {search.beam}, B={shape.batch} T={shape.time} V={shape.classes}: "
        f"{search.seconds.median * 1e3:.1f} ms ({quartiles_in_ms(search.seconds)}) for {audio:.0f} "
        f"s of audio, {audio / search.seconds.median:.0f} times as fast as it is spoken"
    )
