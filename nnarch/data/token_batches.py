"""Batches of about as many tokens each: many short sentences, or a few long ones.

An epoch is every bucket's examples shuffled and cut into batches of that bucket's own number of
rows, and all batches shuffled. The last batch of a bucket is filled up with examples that the epoch
has already had, so every epoch has the same number of batches, and batch n follows from the seed
and n alone.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import grain
import jax
import numpy as np

from nnarch.data.buckets import choose_bounds
from nnarch.data.examples import Batch, Examples
from nnarch.data.pipeline import batches_by_number, check_share


@dataclass(frozen=True, eq=False)
class TokenBatches:
    """Endless training batches of `examples`.

    Args:
      examples: what to draw from.
      tokens: steps of `field` in a batch, padding and all, over all processes; a bucket has as many
        rows as fit, but `multiple` at least.
      field: the ragged field whose steps are counted.
      seed: of the shuffles.
      buckets: how many lengths a batch may be padded to; each costs a compilation.
      multiple: batches have a multiple of so many rows, so that devices and processes can share
        them.
      process_index, process_count: which rows of each batch this process feeds.

    Raises:
      ValueError: `multiple` does not divide among the processes, there is no such process, or there
        is to be less than one token.
    """

    examples: Examples
    tokens: int
    field: str
    seed: int = 0
    buckets: int = 1
    multiple: int = 8
    process_index: int = 0
    process_count: int = 1

    def __post_init__(self) -> None:
        """Checks that each process has a share."""
        check_share(self.multiple, self.process_index, self.process_count)
        if self.tokens < 1:
            raise ValueError(
                f"expected 1 token of a batch or more; got {self.tokens}. Ask for about a thousand."
            )

    @cached_property
    def _members(self) -> tuple[np.ndarray, ...]:
        """The examples of each bucket."""
        lengths = self.examples.lengths
        bucket_of = np.searchsorted(choose_bounds(lengths, self.buckets), lengths)
        return tuple(np.flatnonzero(bucket_of == each) for each in range(bucket_of.max() + 1))

    @cached_property
    def _padded(self) -> tuple[dict[str, int], ...]:
        """How long the ragged fields of each bucket are."""
        return tuple(self.examples.longest(members) for members in self._members)

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """Of a batch of each bucket, over all processes."""
        fitting = (self.tokens // padded[self.field] for padded in self._padded)
        return tuple(max(1, fits // self.multiple) * self.multiple for fits in fitting)

    @cached_property
    def _places(self) -> np.ndarray:
        """int [batches of an epoch, 2]: the bucket of each, and which of that bucket's it is."""
        counts = [
            -(-len(members) // rows) for members, rows in zip(self._members, self.rows, strict=True)
        ]
        return np.array([(b, place) for b, count in enumerate(counts) for place in range(count)])

    @property
    def epoch(self) -> int:
        """Batches of an epoch."""
        return len(self._places)

    @property
    def shapes(self) -> tuple[dict[str, jax.ShapeDtypeStruct], ...]:
        """What this process yields, one entry a bucket."""
        return tuple(
            self.examples.shapes(rows // self.process_count, padded)
            for rows, padded in zip(self.rows, self._padded, strict=True)
        )

    def iterator(self) -> grain.DatasetIterator[Batch]:
        """Yields batches without end; `get_state` and `set_state` take the position along."""
        return batches_by_number(self.batch)

    def batch(self, number: int) -> Batch:
        """This process' rows of batch `number`."""
        epoch, step = divmod(number, self.epoch)
        shuffled, order = self._shuffled(epoch)
        bucket, place = self._places[order[step]]
        rows = self.rows[bucket]
        examples = shuffled[bucket][place * rows : (place + 1) * rows]
        share = examples.reshape(self.process_count, -1)[self.process_index]
        return self.examples.batch(share, self._padded[bucket])

    @cached_property
    def _shuffled(self):
        """Remembers the last epochs: batches are asked for in order."""
        return lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, epoch: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Each bucket's examples in order, filled up to whole batches; and the order of batches."""
        rng = np.random.default_rng([self.seed, epoch])
        shuffled = tuple(
            np.resize(rng.permutation(members), -(-len(members) // rows) * rows)
            for members, rows in zip(self._members, self.rows, strict=True)
        )
        return shuffled, rng.permutation(self.epoch)
