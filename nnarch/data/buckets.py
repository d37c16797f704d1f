"""Which examples make batch number n: shuffled epochs, cut into batches of about one length.

Examples are drawn from an endless row of shuffled epochs. A pool of some dozens of batches is taken
from it, ordered by bucket, cut into batches, and the batches are shuffled. So every example comes
once an epoch, no batch is ever incomplete, and batch n follows from the seed and n alone: nothing
has to be replayed to go on from the middle.

Within a bucket the order stays random: sorting by the very length would put together what is alike
in more than length, which batch statistics do not bear.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

POOL_BATCHES = 64  # at most one batch a bucket and pool mixes two buckets


def choose_bounds(lengths: np.ndarray, count: int) -> tuple[int, ...]:
    """The `count` bucket lengths (or fewer) which cause the least padding; the last is the longest.

    Dynamic programming over the distinct lengths: cost[k][j] is the least padding of all examples
    up to the j-th distinct length in k buckets.

    Raises:
      ValueError: no lengths, or a count below 1.
    """
    if count < 1 or not len(lengths):
        raise ValueError(
            f"choose_bounds expects lengths and a count of 1 or more; got {len(lengths)} lengths "
            f"and count {count}. Ask for at least one bucket of at least one example."
        )
    values, counts = np.unique(lengths, return_counts=True)
    examples = np.concatenate([[0], np.cumsum(counts)])
    steps = np.concatenate([[0], np.cumsum(counts * values)])
    # padding[i, j]: distinct lengths i..j in one bucket of length values[j]
    padding = (
        values[None, :] * (examples[None, 1:] - examples[:-1, None])
        - (steps[None, 1:] - steps[:-1, None])
    ).astype(float)
    padding[np.tril_indices(len(values), -1)] = np.inf
    cost, choices = padding[0], []
    for _ in range(min(count, len(values)) - 1):
        split = np.concatenate([[[np.inf] * len(values)], cost[:-1, None] + padding[1:]])
        choices.append(split.argmin(axis=0))
        cost = split.min(axis=0)
    return _trace(values, choices)


def _trace(values: np.ndarray, choices: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Walks the choices back: choices[k][j] is where the bucket that ends at j begins."""
    end, bounds = len(values) - 1, []
    for choice in reversed(choices):
        bounds.append(int(values[end]))
        end = int(choice[end]) - 1
    return (*reversed([*bounds, int(values[end])]),)


@dataclass(frozen=True, eq=False)
class Plan:
    """The endless plan of batches: `plan(n)` gives the examples of batch n and their bucket.

    Args:
      bucket_of: int [N], the bucket of each example, in ascending order of length.
      batch_size: examples of a batch, over all processes.
      seed: two plans of one seed are the same on every machine.
    """

    bucket_of: np.ndarray
    batch_size: int
    seed: int

    def __call__(self, number: int) -> tuple[np.ndarray, int]:
        """int64 [B], the examples of batch `number`, and the bucket that holds them all."""
        pool, place = divmod(number, POOL_BATCHES)
        examples = self._pool(pool)[place]
        return examples, int(self.bucket_of[examples].max())

    @cached_property
    def _pool(self) -> Callable[[int], np.ndarray]:
        """Remembers the last pools: batches are asked for in order, by a few threads at most."""
        return lru_cache(maxsize=4)(self._make_pool)

    @cached_property
    def _epoch(self) -> Callable[[int], np.ndarray]:
        return lru_cache(maxsize=4)(self._shuffle)

    def _make_pool(self, number: int) -> np.ndarray:
        """int64 [POOL_BATCHES, B]."""
        examples = self._drawn(number * POOL_BATCHES * self.batch_size)
        by_bucket = examples[np.argsort(self.bucket_of[examples], kind="stable")]
        order = np.random.default_rng([self.seed, 1, number]).permutation(POOL_BATCHES)
        return by_bucket.reshape(POOL_BATCHES, self.batch_size)[order]

    def _drawn(self, start: int) -> np.ndarray:
        """The pool's examples, which begin at place `start` of the endless row of epochs."""
        count = len(self.bucket_of)
        places = np.arange(start, start + POOL_BATCHES * self.batch_size)
        epochs = range(places[0] // count, places[-1] // count + 1)
        row = np.concatenate([self._epoch(epoch) for epoch in epochs])
        return row[places - epochs[0] * count]

    def _shuffle(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.bucket_of))
