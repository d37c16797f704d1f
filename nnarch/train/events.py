"""The rows of the log as TensorBoard events."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary


class Events:
    """One file in `folder`, made anew from `rows`; what lay there before is dropped.

    Written in this thread: the writer that tensorboardX offers has one of its own, which dies on
    a full disk and leaves the run waiting for it.
    """

    def __init__(self, folder: Path, rows: Iterable[dict[str, Any]]):
        """Writes the rows there are."""
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.tfevents.*"):
            old.unlink()
        self._file = EventsWriter(str(folder / "events"))
        for row in rows:
            self._append(row)
        self._file.flush()

    def write(self, row: dict[str, Any]) -> None:
        """Every figure of a row as a scalar `split/name`; on the disk when this returns."""
        self._append(row)
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _append(self, row: dict[str, Any]) -> None:
        values = [
            Summary.Value(tag=f"{row['split']}/{name}", simple_value=value)
            for name, value in row.items()
            if name not in ("step", "time", "split") and value is not None
        ]
        summary = Summary(value=values)
        self._file.write_event(Event(wall_time=row["time"], step=row["step"], summary=summary))
