"""A jax.profiler trace of a few steps."""

from pathlib import Path
from types import TracebackType

import jax

FIRST, LAST = 3, 5  # steps of this process: past the first ones, and few


class Profile:
    """Traces steps FIRST to LAST into `folder`; nothing if that is None."""

    def __init__(self, folder: Path | None):
        """Does not begin yet."""
        self._folder = folder
        self._tracing = False
        self._step = 0

    def __enter__(self) -> "Profile":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Writes what was traced, if the run was shorter."""
        self._end()

    def before_step(self) -> None:
        """Begins before the first of the steps."""
        self._step += 1
        if self._folder is not None and self._step == FIRST:
            jax.profiler.start_trace(self._folder)
            self._tracing = True

    def after_step(self, output: object) -> None:
        """Ends when the last of them has been computed."""
        if self._tracing and self._step == LAST:
            jax.block_until_ready(output)
            self._end()

    def _end(self) -> None:
        if self._tracing:
            jax.profiler.stop_trace()
            self._tracing = False
