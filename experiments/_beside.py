"""Other runs on the same data, to stand beside one in its report."""

from pathlib import Path
from typing import Any

from nnarch import report as page
from nnarch.metrics.splits import Figures
from nnarch.train import to_json

_ALIKE_ANYHOW = ("validation", "folder")  # options of data that change nothing in a test set


def runs_beside(data: Any, workdir: Path, *, option: str) -> dict[str, dict[str, Figures]]:
    """The figures of runs in folders beside this one that were trained and tested on the same data.

    Args:
      data: the experiment's configuration of its data.
      workdir: of this run.
      option: of the model, by which runs are told apart.
    """
    own, found = _told(to_json(data)), {}
    for name, other in page.neighbours(workdir):
        if other.results and _told(other.config.get("data", {})) == own:
            found[f"{name} ({other.config.get('model', {}).get(option)})"] = other.results
    return found


def _told(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _ALIKE_ANYHOW}
