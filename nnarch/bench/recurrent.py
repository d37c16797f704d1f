"""LSTM and GRU beside flax, PyTorch and Keras: time, fraction of the machine's peak, memory.

For each cell and shape: build every entrant with the same weights, hold all answers to ours, then
time forward passes, and training (gradients of sum(ys ** 2) to parameters and inputs), all in turns
in one process, with the machine's fastest matrix product as one more contestant.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np

from nnarch.bench import host, peak, plot, tables, training_race
from nnarch.bench.entrant import Cell, Entrant, Problem, check_agreement, draw
from nnarch.bench.recurrent_peers import PEERS, Peer, nnarch_entrant
from nnarch.bench.results import Pass, Row
from nnarch.bench.timing import ratio, spread, take_turns
from nnarch.bench.torch_settings import Products, alike
from nnarch.kernels import workloads

# The backward pass has two products for each one of the forward pass.
PRODUCTS_OF_PASS: dict[Pass, int] = {"forward": 1, "training": 3}

# Largest relative difference between two libraries' answers. Float32 sums over 256 steps in another
# order differ by some 1e-5; TF32 has 10 bits, and a gradient adds hundreds of such products.
AGREEMENT: dict[Products, float] = {"float32": 1e-3, "fast": 3e-2}

PRODUCT = "matrix product"


@dataclass(frozen=True)
class Config:
    """Times the recurrent kernels beside other libraries."""

    device: host.Platform | None = None  # what jax prefers, if left out
    shapes: tuple[str, ...] = ()  # T,B,D,H each; the shapes of nnarch.kernels.workloads otherwise
    cells: tuple[Cell, ...] = ("lstm", "gru")
    peers: tuple[Peer, ...] = ("flax", "torch", "keras")  # one that is not installed is left out
    repeats: int = 15  # rounds in which every entrant has a turn
    turn_seconds: float = 0.1  # about how long one turn's timed calls last
    products: Products = "float32"  # "fast" allows TF32 on a GPU, bfloat16 passes on a TPU
    output: Path = Path("runs/benchmarks")  # takes recurrent.json and recurrent.png


def run(config: Config) -> list[Row]:
    """Measures, prints as it goes, and writes JSON and a plot into `config.output`.

    Raises:
      ValueError: a shape or device that cannot be; entrants that disagree.
    """
    device, shapes = host.device_of(config.device), shapes_of(config.shapes)
    with alike(device, config.products):
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        summit = peak.find(device)
        tables.print_peak(summit, machine)
        rows = []
        for cell in config.cells:
            for shape in shapes:
                measured = _measure(cell, shape, device, summit.best, config)
                tables.print_rows(measured)
                rows += measured
    _write(rows, summit, machine, config)
    return rows


def shapes_of(texts: tuple[str, ...]) -> tuple[workloads.RecurrentWorkload, ...]:
    """From T,B,D,H each; the named workloads if there are none."""
    return tuple(map(_shape, texts)) or workloads.RECURRENT


def _shape(text: str) -> workloads.RecurrentWorkload:
    try:
        time, batch, inputs, hidden = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"expected a shape as T,B,D,H, such as 128,32,256,256; got {text!r}."
        ) from error
    return workloads.RecurrentWorkload(text, time, batch, inputs, hidden)


def _measure(
    cell: Cell,
    shape: workloads.RecurrentWorkload,
    device: jax.Device,
    product: peak.Product,
    config: Config,
) -> list[Row]:
    problem = draw(
        cell, time=shape.time, batch=shape.batch, inputs=shape.inputs, hidden=shape.hidden
    )
    entrants = _entrants(problem, device, config.peers)
    differences = check_agreement(
        {entrant.name: entrant.answer() for entrant in entrants},
        reference="nnarch",
        tolerance=AGREEMENT[config.products],
    )
    rows = []
    for what, products in PRODUCTS_OF_PASS.items():
        seconds = _race(entrants, what, product, config)
        seconds_at_peak = products * problem.product_flops() / product.flops * seconds[PRODUCT]
        rows += [
            Row(
                cell,
                shape,
                what,
                entrant.name,
                seconds=spread(seconds[entrant.name]),
                ratio=ratio(seconds[entrant.name], seconds["nnarch"]),
                peak_fraction=spread(seconds_at_peak / seconds[entrant.name]),
                costs=entrant.costs,
                difference=differences[entrant.name],
            )
            for entrant in entrants
        ]
    return rows


def _entrants(problem: Problem, device: jax.Device, peers: tuple[Peer, ...]) -> list[Entrant]:
    entrants = [nnarch_entrant(problem, device)]
    if device.platform == "gpu" and problem.cell == "lstm":  # the choice, and what it chose from
        entrants += [
            nnarch_entrant(problem, device, implementation=implementation)
            for implementation in ("scan", "cudnn")
        ]
    entrants += training_race.installed(PEERS, peers, problem, device)
    return entrants


def _race(
    entrants: list[Entrant], what: Pass, product: peak.Product, config: Config
) -> dict[str, np.ndarray]:
    contestants: dict[str, Callable[[], object]] = {
        entrant.name: getattr(entrant, what) for entrant in entrants
    }
    contestants[PRODUCT] = product.run
    return take_turns(contestants, repeats=config.repeats, turn_seconds=config.turn_seconds)


def _write(rows: list[Row], summit: peak.Peak, machine: dict[str, object], config: Config) -> None:
    config.output.mkdir(parents=True, exist_ok=True)
    document = {
        "host": machine,
        "config": asdict(config),
        "peak_gflops": summit.gflops,
        "rows": [tables.as_json(row) for row in rows],
    }
    target = config.output / "recurrent.json"
    target.write_text(json.dumps(document, indent=1, default=str) + "\n")
    picture = plot.ratios(rows, config.output / "recurrent.png")
    print(f"wrote {target} and {picture}")
