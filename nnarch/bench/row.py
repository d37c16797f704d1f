"""One line of the recurrent benchmark's results."""

from typing import Literal, NamedTuple

from nnarch.bench.entrant import Cell, Costs
from nnarch.bench.timing import Spread
from nnarch.kernels.workloads import RecurrentWorkload

Pass = Literal["forward", "training"]


class Row(NamedTuple):
    """One entrant at one cell, shape and pass."""

    cell: Cell
    shape: RecurrentWorkload
    what: Pass
    entrant: str
    seconds: Spread
    ratio: Spread  # its time over ours: above 1, ours is faster
    peak_fraction: Spread  # of the matrix product that took turns with it
    costs: Costs  # of training
    difference: float  # from our answer, relative to its largest value
