"""What a cell's variants cost in training, beside the plain cell.

For each cell and shape: hold each variant's answers to its plain scan that JAX differentiates, then
time the gradients of sum(ys ** 2) to parameters and inputs, in turns in one process. Masks are
drawn anew in every call, and the drawing is timed with it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch import kernels
from nnarch.bench import host, tables, training_race
from nnarch.bench.entrant import Cell, Entrant, check_agreement, draw, jax_entrant
from nnarch.bench.recurrent import shapes_of
from nnarch.bench.results import TrainingRow
from nnarch.bench.torch_settings import alike
from nnarch.kernels import workloads

AGREEMENT = 1e-3  # of float32 gradients, which add thousands of products in another order
RATE = 0.1  # of dropout and of zoneout
STEPS_OF_A_SEQUENCE = 16  # a new one starts as often

PLAIN = "plain"


class Variant(NamedTuple):
    """A kernel, how its parameters are drawn, and what else it is asked for."""

    kernel: Callable
    init: Callable
    options: Callable[[Array, int], dict]  # from xs and H


def _nothing(xs: Array, hidden: int) -> dict:
    return {}


def _starts(xs: Array, hidden: int) -> dict:
    return {"starts": jnp.zeros(xs.shape[:2], bool).at[:, ::STEPS_OF_A_SEQUENCE].set(True)}


def _dropout(xs: Array, hidden: int) -> dict:
    mask = kernels.recurrent_dropout_mask(_key(xs), len(xs), hidden, rate=RATE)
    return {"recurrent_mask": mask}


def _zoneout(state: type) -> Callable[[Array, int], dict]:
    def options(xs: Array, hidden: int) -> dict:
        keys = jax.random.split(_key(xs), len(state._fields))
        masks = (kernels.zoneout_mask(k, *xs.shape[:2], hidden, rate=RATE) for k in keys)
        return {"zoneout": state(*masks)}

    return options


def _key(xs: Array) -> Array:
    """Not known when the call is compiled, or the mask would be drawn then."""
    return jax.random.key(lax.bitcast_convert_type(xs[0, 0, 0], jnp.int32))


def _init_layer_norm(key: Array, inputs: int, hidden: int) -> kernels.LayerNormLSTMParams:
    """A quarter of the usual gain on h: with all of it gradients grow a thousandfold in 128 steps,
    and what two orders of summing make of them in float32 cannot be held to one another.
    """
    params = kernels.init_layer_norm_lstm(key, inputs, hidden)
    return params._replace(scale_h=params.scale_h / 4)


_LSTM, _GRU = (kernels.lstm, kernels.init_lstm), (kernels.gru, kernels.init_gru)
VARIANTS: dict[Cell, dict[str, Variant]] = {
    "lstm": {
        PLAIN: Variant(*_LSTM, _nothing),
        "starts": Variant(*_LSTM, _starts),
        "recurrent dropout": Variant(*_LSTM, _dropout),
        "zoneout": Variant(*_LSTM, _zoneout(kernels.LSTMState)),
        "peepholes": Variant(kernels.peephole_lstm, kernels.init_peephole_lstm, _nothing),
        "layer norm": Variant(kernels.layer_norm_lstm, _init_layer_norm, _nothing),
    },
    "gru": {
        PLAIN: Variant(*_GRU, _nothing),
        "starts": Variant(*_GRU, _starts),
        "recurrent dropout": Variant(*_GRU, _dropout),
        "zoneout": Variant(*_GRU, _zoneout(kernels.GRUState)),
    },
}


@dataclass(frozen=True)
class Config:
    """Times the variants of LSTM and GRU beside the plain cells."""

    device: host.Platform | None = None  # what jax prefers, if left out
    shapes: tuple[str, ...] = ()  # T,B,D,H each; the shapes of nnarch.kernels.workloads otherwise
    cells: tuple[Cell, ...] = ("lstm", "gru")
    repeats: int = 9  # rounds in which every entrant has a turn
    turn_seconds: float = 0.1  # about how long one turn's timed calls last
    output: Path = Path("runs/benchmarks")  # takes variants.json


def run(config: Config) -> list[TrainingRow]:
    """Measures, prints as it goes, and writes JSON into `config.output`.

    Raises:
      ValueError: a shape or device that cannot be; a variant that disagrees with its plain scan.
    """
    device, shapes = host.device_of(config.device), shapes_of(config.shapes)
    with alike(device):
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        tables.print_machine(machine)
        by_cell = {
            cell: [row for shape in shapes for row in _measure(cell, shape, device, config)]
            for cell in config.cells
        }
    rows = [row for of_cell in by_cell.values() for row in of_cell]
    named = [row._replace(entrant=f"{c} {row.entrant}") for c, of in by_cell.items() for row in of]
    training_race.write(config.output / "variants.json", named, host=machine, config=asdict(config))
    return rows


def _measure(
    cell: Cell, shape: workloads.RecurrentWorkload, device: jax.Device, config: Config
) -> list[TrainingRow]:
    size = {"time": shape.time, "batch": shape.batch, "inputs": shape.inputs}
    xs = jax.device_put(draw(cell, **size, hidden=shape.hidden).xs, device)
    entrants, differences = [], {}
    for name, variant in VARIANTS[cell].items():
        ours, plain_scan = (
            _entrant(name, variant, xs, shape.hidden, implementation)
            for implementation in ("scan", "reference")
        )
        answers = {name: ours.answer(), f"{name}, plain scan": plain_scan.answer()}
        worst = check_agreement(answers, reference=f"{name}, plain scan", tolerance=AGREEMENT)
        differences[name] = worst[name]
        entrants.append(ours)
    rows = training_race.rows_of(
        shape,
        entrants,
        differences,
        repeats=config.repeats,
        turn_seconds=config.turn_seconds,
        base=PLAIN,
    )
    title = f"{cell}, training  T={shape.time} B={shape.batch} D={shape.inputs} H={shape.hidden}"
    training_race.print_rows(title, rows, base=f"the {PLAIN} cell", truth="a plain scan")
    return rows


def _entrant(name: str, variant: Variant, xs: Array, hidden: int, implementation: str) -> Entrant:
    params = variant.init(jax.random.key(0), xs.shape[2], hidden)

    def ys(params: tuple, xs: Array) -> Array:
        options = variant.options(xs, hidden)
        return variant.kernel(params, xs, implementation=implementation, **options)[0]

    return jax_entrant(name, ys, params, xs, to_ours=lambda gradients: gradients._asdict())
