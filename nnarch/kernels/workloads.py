"""Named shapes that tests and benchmarks share."""

from typing import NamedTuple


class RecurrentWorkload(NamedTuple):
    """A batch of sequences and the layer that reads them."""

    name: str
    time: int
    batch: int
    inputs: int
    hidden: int


RECURRENT = (
    RecurrentWorkload("small", 100, 8, 64, 64),
    RecurrentWorkload("medium", 128, 32, 256, 256),
    RecurrentWorkload("long", 256, 16, 512, 512),
    RecurrentWorkload("wide", 50, 64, 1024, 1024),
)
