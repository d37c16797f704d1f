"""The experiments there are: the folder itself. A new file there needs no mention elsewhere."""

import ast
import difflib
import importlib
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parent.parent / "experiments"


def names() -> list[str]:
    """Every experiment, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def summary(name: str) -> str:
    """The first line of an experiment's docstring, read without importing it."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def load(name: str) -> ModuleType:
    """The experiment's module.

    Raises:
      LookupError: there is none of that name; the message has the nearest one.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names())}."
        raise LookupError(f"There is no experiment {name!r}. {hint}")
    return importlib.import_module(f"experiments.{name}")
