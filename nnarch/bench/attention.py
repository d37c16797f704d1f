"""Decoders that attend, in training, beside a scan that JAX differentiates and PyTorch's loop.

For each decoder and shape: hold all answers to ours, then time the gradients of sum(ys ** 2) to
parameters, inputs and what is attended to, in turns in one process.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import jax

from nnarch.bench import host, tables, training_race
from nnarch.bench.attention_peers import PEERS, Decoder, Peer, draw, jax_entrants
from nnarch.bench.entrant import check_agreement
from nnarch.bench.results import TrainingRow
from nnarch.bench.torch_settings import alike
from nnarch.kernels import workloads

AGREEMENT = 1e-3  # of float32 gradients, which add thousands of products in another order


@dataclass(frozen=True)
class Config:
    """Times decoders that attend beside an autodiff scan and PyTorch's loop."""

    device: host.Platform | None = None  # what jax prefers, if left out
    shapes: tuple[str, ...] = ()  # B,S,T,H each; the shapes of nnarch.kernels.workloads otherwise
    decoders: tuple[Decoder, ...] = ("luong", "bahdanau")
    peers: tuple[Peer, ...] = ("torch",)  # one that is not installed is left out
    repeats: int = 9  # rounds in which every entrant has a turn
    turn_seconds: float = 0.1  # about how long one turn's timed calls last
    output: Path = Path("runs/benchmarks")  # takes attention.json


def run(config: Config) -> list[TrainingRow]:
    """Measures, prints as it goes, and writes JSON into `config.output`.

    Raises:
      ValueError: a shape or device that cannot be; entrants that disagree.
    """
    device = host.device_of(config.device)
    shapes = tuple(map(_shape, config.shapes)) or workloads.ATTENTION
    with alike(device):
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        tables.print_machine(machine)
        rows = [
            row
            for decoder in config.decoders
            for shape in shapes
            for row in _measure(decoder, shape, device, config)
        ]
    training_race.write(config.output / "attention.json", rows, host=machine, config=asdict(config))
    return rows


def _shape(text: str) -> workloads.AttentionWorkload:
    try:
        batch, places, time, hidden = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"expected a shape as B,S,T,H, such as 32,30,30,256; got {text!r}."
        ) from error
    return workloads.AttentionWorkload(text, batch, places, time, hidden)


def _measure(
    decoder: Decoder, shape: workloads.AttentionWorkload, device: jax.Device, config: Config
) -> list[TrainingRow]:
    problem = draw(decoder, shape)
    entrants = jax_entrants(problem, device)
    entrants += training_race.installed(PEERS, config.peers, problem, device)
    differences = check_agreement(
        {entrant.name: entrant.answer() for entrant in entrants},
        reference=training_race.OURS,
        tolerance=AGREEMENT,
    )
    rows = training_race.rows_of(
        shape, entrants, differences, repeats=config.repeats, turn_seconds=config.turn_seconds
    )
    title = f"{decoder} decoder, training  B={shape.batch} S={shape.places} T={shape.time} "
    training_race.print_rows(title + f"H={shape.hidden}", rows)
    return rows
