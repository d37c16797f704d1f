"""What is asked of a recurrent kernel beside lengths, in the sets that tests go through.

Starts and masks stand in the padding too, where they may say nothing.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import EVERY_CELL, HIDDEN, VARIANTS, Subject, answer, case

RATE = 0.3
STARTS = np.array(
    [
        [False, False, True, True, False, False],
        [True, False, True, True, True, True],
        [False, True, True, True, True, True],
        [True, True, True, True, True, True],
    ]
)


class Asked(NamedTuple):
    """A kernel, and what it is asked for."""

    subject: Subject
    options: tuple[str, ...]  # of "starts", "mask", and "zoneout" or "rates"

    def by_name(self, batch=4, *, steps=6, seed=3):
        """The arguments, drawn; those of both directions are pairs."""
        rng = np.random.default_rng(seed)
        state = EVERY_CELL[self.subject.cell].state
        count = 2 if self.subject.direction == "both" else 1
        masks = [rng.choice([0.0, 2.0], size=(batch, HIDDEN)) for _ in range(count)]
        parts = [rng.random((batch, steps, HIDDEN)) < RATE for _ in range(2 * count)]
        parts = [jnp.asarray(part) for part in parts]
        kept = [state(*parts[d::count][: len(state._fields)]) for d in range(count)]
        rates = [state(*(RATE for _ in state._fields)) for _ in range(count)]
        rows = -(-batch // len(STARTS))
        known = {
            "starts": ("starts", jnp.asarray(np.tile(STARTS, (rows, 1))[:batch, :steps])),
            "mask": ("recurrent_mask", _of_directions([jnp.asarray(m) for m in masks])),
            "zoneout": ("zoneout", _of_directions(kept)),
            "rates": ("zoneout", _of_directions(rates)),
        }
        return dict(known[name] for name in self.options)

    def by(self, implementation):
        """The same, served by another implementation."""
        return self._replace(subject=self.subject.by(implementation))

    def case(self, **options):
        """Operands of the kernel."""
        return case(self.subject, **options)

    def answer(self, c, asked=None):
        """The answer and the gradients to a case."""
        return answer(self.subject, c, self.by_name(len(c.lengths)) if asked is None else asked)

    def expect(self, c):
        """What the oracle answers."""
        return self.subject.expect(*c.operands, c.lengths, **self.by_name(len(c.lengths)))

    def __str__(self):
        return f"{self.subject}-{'+'.join(self.options) or 'plain'}"


def _of_directions(values):
    return tuple(values) if len(values) == 2 else values[0]


SOME = ("lstm", "gru_before", "layer_norm_lstm")
ALL = ("starts", "mask", "zoneout")
EVERY = tuple(Asked(Subject(cell), ALL) for cell in EVERY_CELL)
REVERSED = tuple(Asked(Subject(cell, "reverse"), ALL) for cell in SOME)
SINGLE = tuple(Asked(Subject("lstm"), (name,)) for name in (*ALL, "rates"))
MIXED = (
    Asked(Subject("elman"), ("rates",)),
    Asked(Subject("gru"), ("rates",)),
    Asked(Subject("layer_norm_lstm"), ("rates",)),
    Asked(Subject("lstm", "both"), ALL),
    Asked(Subject("gru", "both"), ("starts", "rates")),
)
BARE = tuple(
    Asked(Subject(cell, direction), ()) for direction in ("forward", "both") for cell in VARIANTS
)


def each_of(asked):
    """Parametrises a test by what is asked; all tests of one share its programs."""
    return pytest.mark.parametrize("asked", asked, ids=str, scope="session")


every_one = each_of(EVERY + REVERSED + SINGLE + MIXED + BARE)
every_cell = each_of(EVERY)
some_cells = each_of([each for each in EVERY if each.subject.cell in SOME])
