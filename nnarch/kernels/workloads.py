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


class CTCWorkload(NamedTuple):
    """A batch of transcribed sequences."""

    name: str
    batch: int
    time: int
    classes: int
    labels: int


CTC = (
    CTCWorkload("letters", 16, 400, 32, 60),
    CTCWorkload("many", 32, 800, 64, 120),
    CTCWorkload("long", 8, 1500, 512, 200),
    CTCWorkload("words", 64, 150, 5000, 28),
)
CTC_LONGEST = CTCWorkload("longest", 1, 10_000, 32, 1200)
CTC_BEAM = CTCWorkload("beam", 8, 400, 32, 0)


class MultidimWorkload(NamedTuple):
    """A batch of pictures and the layer that reads them from four corners."""

    name: str
    rows: int
    columns: int
    batch: int
    inputs: int
    hidden: int


MULTIDIM = (
    MultidimWorkload("small", 32, 32, 16, 16, 32),
    MultidimWorkload("large", 64, 64, 8, 32, 64),
    MultidimWorkload("digits", 28, 28, 64, 32, 64),
)


class AttentionWorkload(NamedTuple):
    """A batch of sentences of `places` words, decoded over `time` steps; all sizes are `hidden`."""

    name: str
    batch: int
    places: int
    time: int
    hidden: int


ATTENTION = (
    AttentionWorkload("short", 32, 30, 30, 256),
    AttentionWorkload("long", 64, 50, 50, 512),
)

Workload = RecurrentWorkload | CTCWorkload | MultidimWorkload | AttentionWorkload
