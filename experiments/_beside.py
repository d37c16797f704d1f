"""Other runs on the same data, to stand beside one in its report."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from nnarch import report as page
from nnarch.metrics.splits import Figures
from nnarch.train import to_json

_ALIKE_ANYHOW = ("validation", "folder")  # options of data that change nothing in a test set


def runs_on(
    data: Any, workdir: Path, *, whatever: Collection[str] = ()
) -> Iterator[tuple[str, page.Run]]:
    """Runs in folders beside this one that were trained and tested on the same data, by folder.

    Args:
      data: the experiment's configuration of its data.
      workdir: of this run.
      whatever: options of data that may differ, too.
    """
    ignored = {*_ALIKE_ANYHOW, *whatever}
    own = _comparable(to_json(data), ignored)
    for name, run in page.neighbours(workdir):
        if _comparable(run.config.get("data", {}), ignored) == own:
            yield name, run


def runs_beside(data: Any, workdir: Path, *, option: str) -> dict[str, dict[str, Figures]]:
    """The figures of runs that `runs_on` finds, told apart by this option of the model."""
    return {
        f"{name} ({run.config.get('model', {}).get(option)})": run.results
        for name, run in runs_on(data, workdir)
        if run.results
    }


def _comparable(data: dict[str, Any], ignored: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in ignored}
