"""From examples in memory to batches: shuffled, bucketed, resumable, sharded over processes.

grain maps over the numbers of batches, and each number is turned into a whole batch by a few NumPy
gathers. (Mapping over single examples costs a Python call an example.) Its iterator holds the
position, so a checkpoint of it is one integer.

The plan is the same in every process, and each takes its rows of every batch: what a step sees does
not depend on how many processes there are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grain
import jax
import numpy as np

from nnarch.data.buckets import Plan, choose_bounds
from nnarch.data.examples import Batch, Examples

_ENDLESS = 2**40  # batches: grain wants a length


@dataclass(frozen=True, eq=False)
class Batches:
    """Endless training batches of `examples`.

    Args:
      examples: what to draw from.
      batch_size: examples of a batch, over all processes.
      seed: of the shuffles.
      buckets: how many lengths a batch may be padded to; each costs a compilation.
      process_index, process_count: which rows of each batch this process feeds.
      threads: of grain's, to prepare batches ahead; 0 prepares each when it is asked for.

    Raises:
      ValueError: the batch does not divide among the processes, or there is no such process.
    """

    examples: Examples
    batch_size: int
    seed: int = 0
    buckets: int = 1
    process_index: int = 0
    process_count: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        """Checks that each process has a share."""
        check_share(self.batch_size, self.process_index, self.process_count)

    @cached_property
    def _plan(self) -> Plan:
        lengths = self.examples.lengths
        bucket_of = np.searchsorted(choose_bounds(lengths, self.buckets), lengths)
        return Plan(bucket_of, self.batch_size, self.seed)

    @cached_property
    def _padded(self) -> tuple[dict[str, int], ...]:
        """How long the ragged fields of each bucket are; a batch may hold shorter examples too."""
        of = self._plan.bucket_of
        return tuple(self.examples.longest(of <= bucket) for bucket in range(of.max() + 1))

    @property
    def shapes(self) -> tuple[dict[str, jax.ShapeDtypeStruct], ...]:
        """What this process yields, one entry a bucket."""
        size = self.batch_size // self.process_count
        return tuple(self.examples.shapes(size, padded) for padded in self._padded)

    def iterator(self) -> grain.DatasetIterator[Batch]:
        """Yields batches without end; `get_state` and `set_state` take the position along."""
        return batches_by_number(self.batch, threads=self.threads)

    def batch(self, number: int) -> Batch:
        """This process' rows of batch `number`."""
        examples, bucket = self._plan(number)
        return self.examples.batch(self._share(examples), self._padded[bucket])

    def _share(self, examples: np.ndarray) -> np.ndarray:
        return examples.reshape(self.process_count, -1)[self.process_index]

    def padding_share(self, batches: int = 256) -> float:
        """Which part of the steps of the first `batches` batches is padding."""
        total = used = 0
        for number in range(batches):
            examples, bucket = self._plan(number)
            total += len(examples) * max(self._padded[bucket].values(), default=0)
            used += int(self.examples.lengths[examples].sum())
        return 1 - used / total if total else 0.0


def batches_by_number(
    batch: Callable[[int], Batch], *, threads: int = 0
) -> grain.DatasetIterator[Batch]:
    """Yields batch(0), batch(1), ... without end."""
    numbers = grain.MapDataset.range(_ENDLESS)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=16)
    return iter(numbers.map(batch).to_iter_dataset(options))


def evaluation_batches(
    examples: Examples, batch_size: int, *, process_index: int = 0, process_count: int = 1
) -> Iterator[dict[str, Any]]:
    """Each example once, in order, in batches of one shape.

    Beside the fields a batch has "index" int32 [B], the example's number, and "valid" bool [B],
    false where the last batch is filled up with its last example.

    Raises:
      ValueError: the batch does not divide among the processes, or there is no such process.
    """
    check_share(batch_size, process_index, process_count)
    return _evaluation_batches(examples, batch_size, process_index, process_count)


def _evaluation_batches(
    examples: Examples, batch_size: int, process_index: int, process_count: int
) -> Iterator[dict[str, Any]]:
    padded, count = examples.longest(), len(examples)
    for start in range(0, count, batch_size):
        places = np.arange(start, start + batch_size).reshape(process_count, -1)[process_index]
        index = np.minimum(places, count - 1)
        batch = examples.batch(index, padded)
        yield batch | {"index": index.astype(np.int32), "valid": places < count}


def batches_by_length(examples: Examples, batch_size: int) -> Iterator[dict[str, Any]]:
    """Each example once, the shortest first, in batches padded to few lengths.

    For what is decoded step by step: a batch then costs what its own longest example does. Has
    "index" and "valid" as `evaluation_batches`; lengths are 16, 24, 32, 48, 64, 96 and so on.

    Raises:
      ValueError: batches of no example.
    """
    check_share(batch_size, 0, 1)
    return _batches_by_length(examples, batch_size)


def _batches_by_length(examples: Examples, batch_size: int) -> Iterator[dict[str, Any]]:
    order = np.argsort(examples.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        places = np.arange(start, start + batch_size)
        index = order[np.minimum(places, len(order) - 1)]
        padded = {name: _rounded(longest) for name, longest in examples.longest(index).items()}
        batch = examples.batch(index, padded)
        yield batch | {"index": index.astype(np.int32), "valid": places < len(order)}


def _rounded(length: int) -> int:
    """The next power of two, or one and a half of one; 16 at least."""
    power = 16
    while 2 * power < length:
        power *= 2
    return next(each for each in (power, power * 3 // 2, 2 * power) if each >= length)


def check_share(batch_size: int, process_index: int, process_count: int) -> None:
    """Raises ValueError unless the batch divides among the processes and there is this one."""
    if batch_size < 1 or process_count < 1 or batch_size % process_count:
        raise ValueError(
            f"expected a batch that divides among the processes; got {batch_size} examples for "
            f"{process_count} processes. Choose a multiple of the number of processes."
        )
    if not 0 <= process_index < process_count:
        raise ValueError(
            f"expected a process between 0 and {process_count - 1}; got {process_index}. "
            "Pass jax.process_index() and jax.process_count()."
        )
