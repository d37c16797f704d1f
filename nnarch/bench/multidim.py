"""Training of multi-dimensional LSTMs in four directions, beside nested scans.

For each shape: hold the answers to ours, then time the gradients of sum(ys ** 2) to parameters and
inputs, in turns in one process. No library has these nets, so the peer is what one would write:
`lax.scan` over columns in `lax.scan` over rows, the inputs' projection before them, differentiated
by JAX. It runs as four such nests, one a direction, and as one under `vmap`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array

from nnarch import kernels
from nnarch.bench import host, tables, training_race
from nnarch.bench.entrant import Entrant, check_agreement, jax_entrant
from nnarch.bench.results import TrainingRow
from nnarch.bench.torch_settings import alike
from nnarch.kernels import MDLSTMParams, workloads

AGREEMENT = 1e-3  # of float32 gradients, which add thousands of products in another order

Run = Callable[[MDLSTMParams, Array], Array]


@dataclass(frozen=True)
class Config:
    """Times multi-dimensional LSTMs in four directions beside nested scans."""

    device: host.Platform | None = None  # what jax prefers, if left out
    shapes: tuple[str, ...] = ()  # Y,X,B,D,H; the shapes of nnarch.kernels.workloads otherwise
    repeats: int = 9  # rounds in which every entrant has a turn
    turn_seconds: float = 0.1  # about how long one turn's timed calls last
    output: Path = Path("runs/benchmarks")  # takes multidim.json


def run(config: Config) -> list[TrainingRow]:
    """Measures, prints as it goes, and writes JSON into `config.output`.

    Raises:
      ValueError: a shape or device that cannot be; entrants that disagree.
    """
    device = host.device_of(config.device)
    shapes = tuple(map(_shape, config.shapes)) or workloads.MULTIDIM
    with alike(device):
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        tables.print_machine(machine)
        rows = [row for shape in shapes for row in _measure(shape, device, config)]
    training_race.write(config.output / "multidim.json", rows, host=machine, config=asdict(config))
    return rows


def _shape(text: str) -> workloads.MultidimWorkload:
    try:
        rows, columns, batch, inputs, hidden = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"expected a shape as Y,X,B,D,H, such as 32,32,16,16,32; got {text!r}."
        ) from error
    return workloads.MultidimWorkload(text, rows, columns, batch, inputs, hidden)


def _measure(
    shape: workloads.MultidimWorkload, device: jax.Device, config: Config
) -> list[TrainingRow]:
    entrants = _entrants(shape, device)
    differences = check_agreement(
        {entrant.name: entrant.answer() for entrant in entrants},
        reference=training_race.OURS,
        tolerance=AGREEMENT,
    )
    rows = training_race.rows_of(
        shape, entrants, differences, repeats=config.repeats, turn_seconds=config.turn_seconds
    )
    training_race.print_rows(
        f"mdlstm in four directions, training  Y={shape.rows} X={shape.columns} B={shape.batch} "
        f"D={shape.inputs} H={shape.hidden}",
        rows,
    )
    return rows


def _entrants(shape: workloads.MultidimWorkload, device: jax.Device) -> list[Entrant]:
    keys = jax.random.split(jax.random.key(0), 5)
    draw = partial(kernels.init_mdlstm, input_size=shape.inputs, hidden_size=shape.hidden)
    params = jax.vmap(draw)(keys[:4])
    # With open forget gates c doubles along a picture's diagonals, and rounding with it: at 32 x 32
    # two right answers in float32 differ by 1e-2. The time does not depend on the bias.
    params = jax.device_put(params._replace(b=params.b - 1), device)
    size = (shape.batch, shape.rows, shape.columns, shape.inputs)
    xs = jax.device_put(jax.random.normal(keys[4], size), device)
    return [
        jax_entrant(name, run, params, xs, to_ours=MDLSTMParams._asdict)
        for name, run in RUNS.items()
    ]


def _four_nests(params: MDLSTMParams, xs: Array) -> Array:
    directions = [
        kernels.mdlstm(
            jax.tree.map(lambda p, i=i: p[i], params), xs, flip=flip, implementation="reference"
        )
        for i, flip in enumerate(((False, False), (False, True), (True, False), (True, True)))
    ]
    return jnp.stack(directions, axis=3)


RUNS: dict[str, Run] = {
    training_race.OURS: kernels.mdlstm_directions,
    "four nested scans": _four_nests,
    "one, under vmap": partial(kernels.mdlstm_directions, implementation="reference"),
}
