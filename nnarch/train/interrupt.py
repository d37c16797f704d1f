"""SIGTERM, Ctrl-C, a closed terminal: the first asks the run to save, the second leaves at once."""

import contextlib
import os
import signal
import sys
import threading
import time
from types import TracebackType

# A shell that loses its terminal, and `timeout`, signal a process and then its group.
TOGETHER_S = 0.3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While entered, catches the signals; outside of the main thread it catches none.

    Python runs a signal's handler between two lines of Python, and a compile is one line that
    may take a minute. The wake-up descriptor is written at once, so a thread that reads it can
    count signals meanwhile.
    """

    def __init__(self) -> None:
        """Not yet asked to stop."""
        self.signal: int | None = None
        self._received = 0.0
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self.signal is not None

    def __enter__(self) -> "Interruption":
        """Installs itself."""
        if threading.current_thread() is threading.main_thread():
            self._reader, self._writer = os.pipe()
            os.set_blocking(self._writer, False)
            self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            caught = [number for number in SIGNALS if not _outlives(number)]
            self._before = {number: signal.signal(number, _ignore) for number in caught}
            threading.Thread(target=self._watch, name="signals", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Puts back what was installed before."""
        if self._before:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup_before)
            os.close(self._writer)

    def _watch(self) -> None:
        while received := os.read(self._reader, 1):
            number = received[0]
            if number not in SIGNALS:
                continue
            if self._is_the_same_again(number):
                continue
            if self.requested:
                os._exit(128 + number)
            self.signal, self._received = number, time.monotonic()
            name = signal.Signals(number).name
            with contextlib.suppress(OSError):  # the terminal may be gone
                print(f"\n{name}: saving and leaving; once more leaves at once.", file=sys.stderr)
        os.close(self._reader)

    def _is_the_same_again(self, number: int) -> bool:
        """Whether it is what was asked already, in two ways at once; two Ctrl-C are two."""
        soon = time.monotonic() - self._received < TOGETHER_S
        return number == self.signal and number != signal.SIGINT and soon


def _outlives(number: int) -> bool:
    """Whether the run was started with `nohup`, to outlive its terminal."""
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


def _ignore(number: int, frame: object) -> None:
    """A handler has to stand there for the wake-up descriptor to be written."""
