"""What the benchmarks find, for tables, plots and files."""

from typing import Literal, NamedTuple

from nnarch.bench.entrant import Cell, Costs
from nnarch.bench.timing import Spread
from nnarch.kernels.workloads import CTCWorkload, RecurrentWorkload, Workload

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


# The part that a thread of its own does while the step before is computed.
DRAWING = "drawing a batch"


class CaptioningResult(NamedTuple):
    """Seconds of the captioning model's training step and of its parts by name."""

    step: Spread
    parts: dict[str, Spread]
    torch: Spread | None  # PyTorch's whole step; None where it is not installed
    torch_ratio: Spread | None  # its time over ours

    def rest_seconds(self) -> float:
        """What of the step's median none of the parts inside it explains."""
        inside = (seconds.median for name, seconds in self.parts.items() if name != DRAWING)
        return self.step.median - sum(inside)


class TrainingRow(NamedTuple):
    """One entrant at one shape: a forward pass with its gradient."""

    shape: Workload
    entrant: str
    seconds: Spread
    ratio: Spread  # its time over ours: above 1, ours is faster
    costs: Costs
    difference: float  # from our answer, relative to its largest value


class CTCSearch(NamedTuple):
    """The beam search over a batch."""

    shape: CTCWorkload
    beam: int
    seconds: Spread
    audio_seconds: float  # that the batch stands for
