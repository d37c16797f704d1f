"""Keeps the figures of runs under experiments/results, and prints them as tables.

$ results.py                               every experiment's table, as the README has it
$ results.py add runs/a default/seed0      keeps the figures of a run that was evaluated; those of
                                           its baselines too, if it is of the default
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from scripts import registry
from scripts.standard_output import until_closed

RESULTS = registry.FOLDER / "results"
KEPT = ("metrics.json", "evaluation.json", "config.json", "versions.json")


@until_closed
def main(arguments: list[str]) -> int:
    """Prints the tables, or keeps a run; returns the exit status."""
    match arguments:
        case []:
            print("\n\n".join(f"{name}\n\n{table(name)}" for name in kept_experiments()))
        case ["add", workdir, name]:
            return _add(Path(workdir), name)
        case _:
            print(__doc__.strip())
            return 0 if arguments[0] in ("-h", "--help") else 2
    return 0


def _add(workdir: Path, name: str) -> int:
    try:
        target, beside = _checked(workdir, name)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    target.mkdir(parents=True, exist_ok=True)
    for each in KEPT:
        shutil.copy(workdir / each, target / each)
    for path, figures in beside.items():
        _add_to(path, figures)
    print(f"kept in {target}")
    return 0


def _checked(workdir: Path, name: str) -> tuple[Path, dict[Path, dict]]:
    """Where a run's figures go, and where those of its baselines, if it is of the default.

    Raises:
      ValueError: something is absent or damaged, or is not of the run as it is configured.
    """
    kept = {each: _read(workdir / each) for each in KEPT}
    config, evaluation = kept["config.json"], kept["evaluation.json"]
    if "experiment" not in config:
        raise ValueError(f"{workdir / 'config.json'} is not that of a run. Put it back.")
    options, decoded = config["config"], evaluation.get("decode", {})
    if not decoded or any(options["decode"].get(name) != decoded[name] for name in decoded):
        raise ValueError(
            "it was evaluated with other options than it was configured with: "
            f"{evaluation.get('decode')}. Evaluate it again without any."
        )
    steps = options["train"]["steps"]
    if evaluation.get("steps", steps) != steps:  # absent from what older versions wrote
        raise ValueError(f"it was trained further than it was evaluated. {_remedy(workdir)}")
    folder = RESULTS / config["experiment"]
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} lies outside of {folder}. Name it like default/seed0.")
    beside = _read(workdir / "baselines.json") if name.startswith("default") else {}
    paths = {
        folder / baseline.replace(" ", "_") / "metrics.json": figures
        for baseline, figures in beside.items()
    }
    return folder / name, paths


def _remedy(workdir: Path) -> str:
    return f"Train and evaluate first: python scripts/evaluate.py {workdir}"


def _read(path: Path) -> dict:
    """Raises ValueError, with the remedy, unless it is a JSON object."""
    remedy = _remedy(path.parent)
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path.parent} has no {path.name}. {remedy}") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. {remedy}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no figures. {remedy}")
    return content


def _add_to(path: Path, figures: dict) -> None:
    """Keeps the splits that are there: those of a default on other data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, **figures}, indent=2) + "\n")


def kept_experiments() -> list[str]:
    """The experiments of which figures are kept."""
    return [name for name in registry.names() if (RESULTS / name).is_dir()]


def table(experiment: str) -> str:
    """A Markdown table: a line a kind of run, and the experiment's QUOTED figures.

    Of several seeds: the mean, and the lowest and highest in brackets; and of how many runs, if
    some have no such figure.
    """
    module = registry.load(experiment)
    quoted, decimals = module.QUOTED, getattr(module, "DECIMALS", 1)
    lines = [["", "runs", *(each.title for each in quoted)], ["---"] * (2 + len(quoted))]
    for name, runs in _kinds(RESULTS / experiment).items():
        cells = [
            _cell([run.get(split, {}).get(figure) for run in runs], decimals)
            for _, split, figure in quoted
        ]
        lines.append([name.replace("_", " "), str(len(runs)), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _kinds(folder: Path) -> dict[str, list[dict]]:
    kinds: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("**/metrics.json")):
        kind = path.relative_to(folder).parts[0]
        kinds.setdefault(kind, []).append(json.loads(path.read_text()))
    return kinds


def _cell(values: Sequence[float | None], decimals: int) -> str:
    known = [each for each in values if each is not None]
    if not known:
        return "-"
    told, low, high = (f"{each:.{decimals}f}" for each in (mean(known), min(known), max(known)))
    told = f"{told} ({low} to {high})" if len(known) > 1 else told
    return told if len(known) == len(values) else f"{told}, {len(known)} of {len(values)} runs"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
