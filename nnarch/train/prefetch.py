"""Batches put on the devices ahead of the step that wants them."""

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from jax.sharding import Mesh

from nnarch.train.sharding import put_batch
from nnarch.train.task import Batch, Batches


class Fetched(NamedTuple):
    """A global batch on the devices, and where the input stands once it is used."""

    batch: Batch
    position: dict


class Prefetch:
    """Draws batches in a thread of its own, `ahead` of them at most.

    The position belongs to the batch, not to the iterator: that one has run ahead by what is
    waiting here.
    """

    def __init__(self, batches: Batches, mesh: Mesh, position: dict | None, *, ahead: int = 2):
        """Begins to draw after `position`, from the start if None."""
        self._iterator = batches.iterator()
        if position is not None:
            self._iterator.set_state(position)
        self._mesh = mesh
        self._ready: queue.Queue[Fetched | BaseException] = queue.Queue(ahead)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="prefetch", daemon=True)

    def __enter__(self) -> "Prefetch":
        """Starts the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the thread; what it had drawn is dropped."""
        self._closed.set()
        while self._thread.is_alive():
            self._drop()
            self._thread.join(timeout=0.05)
        self._drop()

    def __iter__(self) -> Iterator[Fetched]:
        """Itself."""
        return self

    def __next__(self) -> Fetched:
        """The next batch; raises here what drawing it raised."""
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _draw(self) -> None:
        try:
            while not self._closed.is_set():
                batch = put_batch(next(self._iterator), self._mesh)
                self._ready.put(Fetched(batch, self._iterator.get_state()))
        except BaseException as error:  # handed over, so that the run ends with it
            self._ready.put(error)

    def _drop(self) -> None:
        while not self._ready.empty():
            self._ready.get_nowait()
