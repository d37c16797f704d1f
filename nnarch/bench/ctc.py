"""The CTC loss beside optax and PyTorch, the longest rows, and the beam search.

For each shape: hold all answers to ours, then time the loss with its gradient in turns in one
process, with a log_softmax and its gradient as one more contestant: no loss on logits can be
faster than that.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np

from nnarch import kernels
from nnarch.bench import host, tables, training_race
from nnarch.bench.ctc_peers import LEAST, PEERS, Peer, draw, least_entrant, nnarch_entrant
from nnarch.bench.entrant import Entrant, check_agreement
from nnarch.bench.results import CTCSearch, TrainingRow
from nnarch.bench.timing import spread, take_turns
from nnarch.kernels import workloads

# Of the peers' gradients in float32, over 1,500 frames: 1e-2 seen.
AGREEMENT = 3e-2

FRAME_SECONDS = 0.04  # of audio that a frame stands for: a hop of 10 ms, strides of 4


@dataclass(frozen=True)
class Config:
    """Times the CTC loss with its gradient beside other libraries, and the beam search."""

    device: host.Platform | None = None  # what jax prefers, if left out
    shapes: tuple[str, ...] = ()  # B,T,V,L each; the shapes of nnarch.kernels.workloads otherwise
    peers: tuple[Peer, ...] = ("optax", "torch")  # one that is not installed is left out
    repeats: int = 15  # rounds in which every entrant has a turn
    turn_seconds: float = 0.1  # about how long one turn's timed calls last
    longest: bool = True  # also one row of 10,000 frames and 1,200 labels
    beam: int = 16  # beams of the search; 0 leaves it out
    output: Path = Path("runs/benchmarks")  # takes ctc.json


def run(config: Config) -> list[TrainingRow]:
    """Measures, prints as it goes, and writes JSON into `config.output`.

    Raises:
      ValueError: a shape or device that cannot be; entrants that disagree.
    """
    device, shapes = host.device_of(config.device), _shapes(config.shapes)
    with jax.default_device(device):
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        tables.print_machine(machine)
        rows = []
        for shape in shapes:
            rows += _measure(shape, device, config)
        rows += _longest(device, config) if config.longest else []
        search = _search(device, config) if config.beam else None
    training_race.write(
        config.output / "ctc.json",
        rows,
        host=machine,
        config=asdict(config),
        search=None if search is None else tables.as_json(search),
        least=LEAST,
    )
    return rows


def _shapes(texts: tuple[str, ...]) -> tuple[workloads.CTCWorkload, ...]:
    return tuple(map(_shape, texts)) or workloads.CTC


def _shape(text: str) -> workloads.CTCWorkload:
    try:
        batch, time, classes, labels = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"expected a shape as B,T,V,L, such as 16,400,32,60; got {text!r}."
        ) from error
    return workloads.CTCWorkload(text, batch, time, classes, labels)


def _measure(shape: workloads.CTCWorkload, device: jax.Device, config: Config) -> list[TrainingRow]:
    problem = draw(shape)
    peers = training_race.installed(PEERS, config.peers, problem, device)
    entrants = [nnarch_entrant(problem, device), *peers]
    differences = check_agreement(
        {entrant.name: entrant.answer() for entrant in entrants},
        reference="nnarch",
        tolerance=AGREEMENT,
    )
    entrants.append(least_entrant(problem, device))
    return _timed(shape, entrants, differences, config)


def _timed(
    shape: workloads.CTCWorkload,
    entrants: list[Entrant],
    differences: dict[str, float],
    config: Config,
) -> list[TrainingRow]:
    rows = training_race.rows_of(
        shape,
        entrants,
        differences,
        repeats=config.repeats,
        turn_seconds=config.turn_seconds,
    )
    _, batch, time, classes, labels = shape
    title = f"ctc loss with gradient  B={batch} T={time} V={classes} L={labels}"
    training_race.print_rows(title, rows)
    return rows


def _longest(device: jax.Device, config: Config) -> list[TrainingRow]:
    shape = workloads.CTC_LONGEST
    entrants = [build(draw(shape), device) for build in (nnarch_entrant, least_entrant)]
    return _timed(shape, entrants, {}, config)


def _search(device: jax.Device, config: Config) -> CTCSearch:
    shape = workloads.CTC_BEAM
    logits = jax.device_put(draw(shape).logits, device)
    lengths = jax.device_put(np.full(shape.batch, shape.time, np.int32), device)

    def search() -> object:
        found = kernels.ctc_beam_search(logits, lengths, beam=config.beam)
        return jax.block_until_ready(found)

    turns = take_turns({"nnarch": search}, repeats=config.repeats, turn_seconds=config.turn_seconds)
    seconds = spread(turns["nnarch"])
    found = CTCSearch(shape, config.beam, seconds, shape.batch * shape.time * FRAME_SECONDS)
    tables.print_search(found)
    return found
