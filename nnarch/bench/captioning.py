"""The default captioning model's whole training step, its parts, and the same in PyTorch.

The step is the engine's own: random changes to the pictures, forward and backward pass, clipping,
Adam, the moving average of the parameters. Each part is also run on its own, forward and backward
as training does; what is left of the step is dropout, what passes between parts, and the checks for
values that are not finite.
Drawing a batch is timed too, but runs in another thread while the step is computed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from nnarch.bench import captioning_parts, host, tables
from nnarch.bench.captioning_recipe import Recipe
from nnarch.bench.results import DRAWING, CaptioningResult
from nnarch.bench.timing import ratio, spread, take_turns
from nnarch.bench.torch_settings import alike
from nnarch.models.show_and_tell import ShowAndTell

# Of loss and gradients without dropout and picture changes: float32 in another order of sums, and
# batch normalisation, which divides by small deviations.
AGREEMENT = 5e-3

BATCHES = 8  # drawn beforehand; the step goes through them in a circle


@dataclass(frozen=True)
class Config:
    """Times the default captioning model's training step, part by part, beside PyTorch's."""

    device: host.Platform | None = None  # what jax prefers, if left out
    repeats: int = 15  # rounds in which everyone has a turn
    turn_seconds: float = 0.5  # about how long one turn's timed calls last
    output: Path = Path("runs/benchmarks")  # takes captioning.json


class Subject(NamedTuple):
    """What the experiment makes; a script hands it over, for nothing here knows experiments."""

    model: ShowAndTell  # in training mode
    recipe: Recipe
    draw: Callable[[], dict[str, Any]]  # the next batch, on the device
    update: Callable[[dict[str, Any]], object]  # one whole step; returns arrays to wait for
    optimise: Callable[[], object]  # clipping, Adam and averaging alone; the same


def run(config: Config, make_subject: Callable[[jax.Device], Subject]) -> CaptioningResult:
    """Measures, prints, and writes captioning.json.

    Raises:
      ValueError: jax has no such device, or PyTorch's model computes something else.
    """
    device = host.device_of(config.device)
    with alike(device, "fast"):  # jax's own default, in which models are trained
        machine = host.describe(device)
        tables.warn_if_busy(machine["load_before"], machine["cores"])
        subject = make_subject(device)
        batches = [subject.draw() for _ in range(BATCHES)]
        result = _race(_contestants(subject, batches, device), config)
    tables.print_captioning(result, batch_size=len(batches[0]["tokens"]))
    _write(result, machine, config)
    return result


def _contestants(
    subject: Subject, batches: list[dict[str, Any]], device: jax.Device
) -> dict[str, Callable[[], object]]:
    step = _in_a_circle(lambda batch: jax.block_until_ready(subject.update(batch)), batches)
    parts = captioning_parts.parts(subject.model, subject.recipe, batches[0])
    parts["optimiser"] = lambda: jax.block_until_ready(subject.optimise())
    parts[DRAWING] = lambda: jax.block_until_ready(subject.draw())
    return {"step": step, **parts, **_torch(subject, batches, device)}


def _in_a_circle(update: Callable[[Any], object], batches: list) -> Callable[[], object]:
    calls = iter(range(2**62))
    return lambda: update(batches[next(calls) % len(batches)])


def _torch(
    subject: Subject, batches: list[dict[str, Any]], device: jax.Device
) -> dict[str, Callable[[], object]]:
    try:
        from nnarch.bench.captioning_torch import TorchStep

        step = TorchStep(subject.model, subject.recipe, device)
    except ImportError as error:
        print(f"PyTorch is left out: {error}. The extra `peers` installs it.")
        return {}
    _check_agreement(subject, step, batches[0])
    return {"torch": _in_a_circle(step, [step.place(batch) for batch in batches])}


def _check_agreement(subject: Subject, step: Any, batch: dict[str, Any]) -> None:
    ours = captioning_parts.gradients(subject.model, subject.recipe, batch)
    theirs = step.gradients(step.place(batch))
    for name, value in ours.items():
        scale = np.max(np.abs(value))
        difference = np.max(np.abs(value - theirs[name])) / scale
        if not difference <= AGREEMENT:
            raise ValueError(
                f"PyTorch's model was expected to agree within {AGREEMENT:g}; {name} differs by "
                f"{difference:.2g} of its largest value. Bring captioning_torch.py up to date with "
                "the model: the speed of two different computations is not comparable."
            )


def _race(contestants: dict[str, Callable[[], object]], config: Config) -> CaptioningResult:
    seconds = take_turns(contestants, repeats=config.repeats, turn_seconds=config.turn_seconds)
    spreads = {name: spread(samples) for name, samples in seconds.items()}
    has_torch = "torch" in seconds
    return CaptioningResult(
        step=spreads.pop("step"),
        torch=spreads.pop("torch", None),
        torch_ratio=ratio(seconds["torch"], seconds["step"]) if has_torch else None,
        parts=spreads,
    )


def _write(result: CaptioningResult, machine: dict[str, object], config: Config) -> None:
    config.output.mkdir(parents=True, exist_ok=True)
    document = {
        "host": machine,
        "config": asdict(config),
        "step": result.step._asdict(),
        "parts": {name: seconds._asdict() for name, seconds in result.parts.items()},
        "torch": result.torch and result.torch._asdict(),
        "torch_ratio": result.torch_ratio and result.torch_ratio._asdict(),
    }
    target = config.output / "captioning.json"
    target.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print(f"wrote {target}")
