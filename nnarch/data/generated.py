"""Batches that are drawn by a rule, endless and never the same: each from its number alone.

So the position of an iterator is one integer, and a run that goes on where it stopped sees what it
would have seen. Every process draws the whole batch and keeps its rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import grain
import jax
import numpy as np

from nnarch.data.examples import Batch
from nnarch.data.pipeline import batches_by_number, check_share

Draw = Callable[[np.random.Generator, int], Batch]
"""Draws so many examples, as arrays with the examples first."""


@dataclass(frozen=True, eq=False)
class GeneratedBatches:
    """Endless training batches of what `draw` draws, and `others` if there are any.

    Args:
      draw: what to draw; every batch of it has one shape.
      batch_size: examples of a batch, over all processes.
      seed: of the draws.
      process_index, process_count: which rows of each batch this process feeds.
      others: what else to draw, each as often; a batch is of one alone, and so of one shape.

    Raises:
      ValueError: the batch does not divide among the processes, or there is no such process.
    """

    draw: Draw
    batch_size: int
    seed: int = 0
    process_index: int = 0
    process_count: int = 1
    others: tuple[Draw, ...] = ()

    def __post_init__(self) -> None:
        """Checks that each process has a share."""
        check_share(self.batch_size, self.process_index, self.process_count)

    @cached_property
    def shapes(self) -> tuple[dict[str, jax.ShapeDtypeStruct], ...]:
        """What this process yields, one entry for each that is drawn."""
        drawn = (self._share(draw(_generator(0), self.batch_size)) for draw in self._draws)
        return tuple(
            {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in batch.items()}
            for batch in drawn
        )

    def iterator(self) -> grain.DatasetIterator[Batch]:
        """Yields batches without end; `get_state` and `set_state` take the position along."""
        return batches_by_number(self.batch)

    def batch(self, number: int) -> Batch:
        """This process' rows of batch `number`."""
        rng = _generator(self.seed, number)
        draw = self._draws[rng.integers(len(self._draws))] if self.others else self.draw
        return self._share(draw(rng, self.batch_size))

    @property
    def _draws(self) -> tuple[Draw, ...]:
        return (self.draw, *self.others)

    def _share(self, whole: Batch) -> Batch:
        size = self.batch_size // self.process_count
        mine = slice(self.process_index * size, (self.process_index + 1) * size)
        return {name: values[mine] for name, values in whole.items()}


def held_out(number: int) -> np.random.Generator:
    """What a held-out set of this number is drawn by: no training batch, and no other set.

    Zeros behind a seed change nothing, and training's has two numbers: this one has four.
    """
    return np.random.default_rng((number, 0, 0, 1))


def _generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
