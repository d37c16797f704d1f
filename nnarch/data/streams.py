"""Long texts in windows: each row of a batch goes on where that row of the batch before ended.

An epoch is all documents in a new order, end to end, cut into as many streams as a batch has rows;
batch n holds the n-th window of each. So batch n follows from the seed and n alone, while what a
net carries from window to window belongs to the state of the training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import grain
import jax
import numpy as np

from nnarch.data.examples import Batch
from nnarch.data.pipeline import batches_by_number, check_share


class Streams(NamedTuple):
    """Rows of text, [rows, L] each."""

    inputs: np.ndarray  # int, what is read: `start`, then each document but its last character
    targets: np.ndarray  # int, what comes next: each document
    starts: np.ndarray  # bool, where nothing before it is known
    valid: np.ndarray  # bool, false in padding

    def window(self, start: int, size: int) -> Batch:
        """Those fields that a net reads, from `start` on: int32 and bool [rows, size]."""
        part = slice(start, start + size)
        inputs, targets = (field[:, part].astype(np.int32) for field in self[:2])
        return {"inputs": inputs, "targets": targets, "starts": self.starts[:, part]}


@dataclass(frozen=True, eq=False)
class StreamBatches:
    """Endless training batches: "inputs" and "targets" int32 [B, T], "starts" bool [B, T].

    Args:
      documents: int [length] each.
      batch_size: rows of a batch, over all processes.
      window: steps T of each.
      start: what is read before a document's first character.
      seed: of the documents' orders.
      process_index, process_count: which rows of each batch this process feeds.

    Raises:
      ValueError: the batch does not divide among the processes, there is no such process, or there
        is less text than a batch needs.
    """

    documents: Sequence[np.ndarray]
    batch_size: int
    window: int
    start: int = 0
    seed: int = 0
    process_index: int = 0
    process_count: int = 1

    def __post_init__(self) -> None:
        """Checks that each process has a share, and a batch enough text."""
        check_share(self.batch_size, self.process_index, self.process_count)
        if self.window < 1 or not self.windows:
            raise ValueError(
                f"expected text for {self.batch_size} windows of {self.window} characters, each 1 "
                f"or more; got {self._characters}. Choose fewer or shorter ones."
            )

    @cached_property
    def _characters(self) -> int:
        return sum(map(len, self.documents))

    @property
    def windows(self) -> int:
        """Batches of an epoch."""
        return self._characters // (self.batch_size * max(1, self.window))

    @property
    def shapes(self) -> tuple[dict[str, jax.ShapeDtypeStruct], ...]:
        """What this process yields."""
        shape = (self.batch_size // self.process_count, self.window)
        kinds = {"inputs": np.int32, "targets": np.int32, "starts": np.bool_}
        return ({name: jax.ShapeDtypeStruct(shape, kind) for name, kind in kinds.items()},)

    def iterator(self) -> grain.DatasetIterator[Batch]:
        """Yields batches without end; `get_state` and `set_state` take the position along."""
        return batches_by_number(self.batch)

    def batch(self, number: int) -> Batch:
        """This process' rows of batch `number`."""
        epoch, place = divmod(number, self.windows)
        whole = self._streams(epoch).window(place * self.window, self.window)
        size = self.batch_size // self.process_count
        mine = slice(self.process_index * size, (self.process_index + 1) * size)
        return {name: values[mine] for name, values in whole.items()}

    @cached_property
    def _streams(self):
        """Remembers the last epochs: batches are asked for in order."""
        return lru_cache(maxsize=2)(self._cut)

    def _cut(self, epoch: int) -> Streams:
        """The epoch's streams; what is too little for one more window of each is left out."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.documents))
        joined = _joined([self.documents[place] for place in order], self.start)
        length = self.windows * self.window
        rows = (field[: self.batch_size * length].reshape(self.batch_size, -1) for field in joined)
        streams = Streams(*rows)
        streams.starts[:, 0] = True
        return streams


def _joined(documents: Sequence[np.ndarray], start: int) -> Streams:
    """Documents end to end, in one row without its axis."""
    targets = np.concatenate([np.empty(0, np.int32), *documents])
    targets = targets.astype(np.min_scalar_type(targets.max(initial=start)))
    starts = np.zeros(len(targets), bool)
    lengths = [len(document) for document in documents if len(document)]
    starts[np.cumsum([0, *lengths[:-1]])[: len(lengths)]] = True
    inputs = np.where(starts, start, np.roll(targets, 1)).astype(targets.dtype)
    return Streams(inputs, targets, starts, np.ones(len(targets), bool))


def packed(documents: Sequence[np.ndarray], rows: int, *, start: int = 0) -> Streams:
    """Each document once and whole, one behind the other in `rows` rows of about one length.

    Raises:
      ValueError: there is to be no row.
    """
    if rows < 1:
        raise ValueError(f"expected 1 row or more; got {rows}. Read several documents at once.")
    held: list[list[np.ndarray]] = [[] for _ in range(rows)]
    for document in sorted(documents, key=len, reverse=True):
        min(held, key=lambda row: sum(map(len, row))).append(document)
    joined = [_joined(row, start) for row in held]
    longest = max(len(row.targets) for row in joined)
    padded = (
        [np.pad(field, (0, longest - len(field))) for field in fields]
        for fields in zip(*joined, strict=True)
    )
    return Streams(*map(np.stack, padded))


def windows(streams: Streams, size: int) -> Iterator[Batch]:
    """Cuts rows into windows of one size, to be read in order with the state carried.

    Beside the fields of training's batches there is "lengths" int32 [rows].
    """
    length = streams.targets.shape[1]
    spare = [(0, 0), (0, -length % size)]
    whole = Streams(*(np.pad(field, spare) for field in streams))
    for start in range(0, length, size):
        lengths = whole.valid[:, start : start + size].sum(axis=1, dtype=np.int32)
        yield whole.window(start, size) | {"lengths": lengths}
