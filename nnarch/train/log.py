"""What a run tells: rows in metrics.jsonl, and the same as TensorBoard events."""

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from nnarch.train.workdir import Workdir, writing

FIELDS = {"step": int, "time": int | float, "split": str}  # of every row, beside its figures


class Log:
    """Opened at a step, forgets the rows after it; a line that a kill cut short goes too."""

    def __init__(self, workdir: Workdir, *, step: int):
        """Rewrites both files up to `step`."""
        from nnarch.train.events import Events  # takes seconds where PyTorch is installed

        rows = [row for row in read_rows(workdir.metrics) if row["step"] <= step]
        self._path = workdir.metrics
        with writing(self._path):
            _replace_rows(self._path, rows)
            self._rows = open(self._path, "a")  # noqa: SIM115 (closed by __exit__)
            self._events = Events(workdir.events, rows)

    def __enter__(self) -> "Log":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes both files."""
        with writing(self._path):
            self._rows.close()
            self._events.close()

    def write(
        self, step: int, split: Literal["train", "validation"], figures: dict[str, float]
    ) -> None:
        """One row, on the disk when this returns. A figure that is not finite becomes null.

        Raises:
          WorkdirError: the disk is full.
        """
        finite = {
            name: float(value) if math.isfinite(value) else None for name, value in figures.items()
        }
        row = {"step": step, "time": round(time.time(), 3), "split": split, **finite}
        with writing(self._path):
            self._rows.write(json.dumps(row) + "\n")
            self._rows.flush()
            self._events.write(row)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a metrics.jsonl, in order; none if there is no file. Skips what is no row."""
    if not path.exists():
        return
    with open(path, errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and all(
                isinstance(row.get(name), kind) for name, kind in FIELDS.items()
            ):
                yield row


def _replace_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    beside = path.with_name(path.name + ".tmp")
    beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(beside, path)
