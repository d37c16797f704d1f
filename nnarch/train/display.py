"""What is seen while a run goes on: a bar on a terminal, plain lines elsewhere."""

import os
import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nnarch.train.distributed import is_first


class _Screen(Console):
    """Goes on in silence where nobody reads any more: a run is worth more than its display."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # What is still in the buffer must not fail when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Display:
    """Shows loss, rate and time left; the first process alone shows anything."""

    def __init__(self, *, step: int, steps: int):
        """For a run at `step` of `steps`."""
        self._console = _Screen(quiet=not is_first(), soft_wrap=True, highlight=False)
        self._bar = self._make_bar() if sys.stdout.isatty() and is_first() else None
        self._step, self._steps = step, steps

    def _make_bar(self) -> Progress:
        return Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
        )

    def __enter__(self) -> "Display":
        """Begins to draw."""
        if self._bar is not None:
            self._bar.start()
            self._line = self._bar.add_task("", total=self._steps, completed=self._step, figures="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def say(self, message: str) -> None:
        """A line of its own, above the bar."""
        try:
            self._console.print(message, markup=False)
        except OSError:  # a terminal that was closed
            self._console.on_broken_pipe()

    def advance(self, step: int) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(self._line, completed=step)

    def show(self, step: int, *, loss: float, rate: str, seconds_left: float) -> None:
        """The figures of the last rows of the log."""
        figures = f"loss {loss:.4f}  {rate}"
        if self._bar is not None:
            self._bar.update(self._line, completed=step, figures=figures)
        else:
            self.say(f"step {step}/{self._steps}  {figures}  {_clock(seconds_left)} left")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
