"""Where a run's time goes: the step, waiting for input; evaluation and saving stand apart."""

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Times the steps since the last row of the log."""

    def __init__(self) -> None:
        """Starts."""
        self._first = time.perf_counter()
        self._all_steps = 0
        self._restart()

    def _restart(self) -> None:
        self._began = time.perf_counter()
        self._apart = self._waited = 0.0
        self._steps = self._rows = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Time inside is a wait for input."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Time inside is no part of a step."""
        began = time.perf_counter()
        yield
        self._apart += time.perf_counter() - began

    def step(self, rows: int) -> None:
        """Counts one, of a global batch of so many rows."""
        self._rows += rows
        self._steps += 1
        self._all_steps += 1

    def figures(self, counted: dict[str, float]) -> dict[str, float]:
        """Means a step since the last call; of what is counted in a step, how much per second."""
        seconds = time.perf_counter() - self._began - self._apart
        steps = max(self._steps, 1)
        counted = {"examples": self._rows / steps, **counted}
        figures = {
            "step_ms": 1e3 * seconds / steps,
            "wait_ms": 1e3 * self._waited / steps,
            **{f"{name}_per_s": count * steps / seconds for name, count in counted.items()},
        }
        self._restart()
        return figures

    def seconds_left(self, steps: int) -> float:
        """What `steps` more will take, at the pace so far, evaluations and all."""
        return (time.perf_counter() - self._first) / max(self._all_steps, 1) * steps
