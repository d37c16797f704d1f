"""The experiments there are: the folder itself. A new file there needs no mention elsewhere."""

import ast
import difflib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

FOLDER = Path(__file__).resolve().parent.parent / "experiments"


class Experiment(Protocol):
    """What the module of an experiment has. `experiments/captioning.py` is the example.

    scripts/train.py asks for PRESETS and `build`; scripts/evaluate.py for the functions below it,
    too; scripts/results.py for QUOTED. A module may have `history(config, rows)`, figures that are
    read from the run's log, and DECIMALS of figures in tables, 1 if it has none.
    """

    PRESETS: Mapping[str, Any]
    """Name -> options, a frozen dataclass with `train` and `decode`; one is "default"."""
    QUOTED: Sequence[tuple[str, str, str]]
    """The columns of the README's table: a heading, a split, a figure (`metrics.splits.Quoted`)."""

    def build(self, config: Any, *, process_index: int = 0, process_count: int = 1) -> Any:
        """The `nnarch.train.Task`: a model, its loss, batches of this process, a validation."""

    def evaluate(self, config: Any, model: Any) -> dict[str, Mapping[str, float]]:
        """Split -> figure -> value, of a trained model on the test sets."""

    def baselines(self, config: Any) -> dict[str, dict[str, Mapping[str, float]]]:
        """Name -> the same of what stands beside it, which is not trained by scripts/train.py."""

    def report(self, config: Any, model: Any, workdir: Path, *, best_step: int) -> Path:
        """Writes the run's page into its folder, after metrics.json; returns its path."""


def names() -> list[str]:
    """Every experiment, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def summary(name: str) -> str:
    """The first line of an experiment's docstring, read without importing it."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def load(name: str) -> Experiment:
    """The experiment's module.

    Raises:
      LookupError: there is none of that name, and the message has the nearest one; or it lacks what
        training needs.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names())}."
        raise LookupError(f"There is no experiment {name!r}. {hint}")
    experiment = importlib.import_module(f"experiments.{name}")
    missing = [each for each in ("PRESETS", "build") if not hasattr(experiment, each)]
    if missing:
        raise LookupError(f"experiments/{name}.py has no {' and no '.join(missing)}.")
    return experiment
