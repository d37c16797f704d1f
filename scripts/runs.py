"""A trained run, opened again from its folder."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from flax import nnx

from nnarch import train
from nnarch.data.fetch import DataMissing
from scripts import registry


class Run(NamedTuple):
    """What a folder holds: how it was trained, and what came of it."""

    workdir: Path
    experiment: ModuleType
    config: Any  # the experiment's Config
    model: nnx.Module  # in evaluation mode
    step: int  # the one the model is from


def open_run(workdir: Path, *, of: str | None = None) -> Run:
    """The run's model at its best step.

    Args:
      workdir: its folder.
      of: the experiment that it has to be of; any if left out.

    Raises:
      WorkdirError: nothing was trained there, or by another experiment, or by an experiment or
        version that is not here.
      CheckpointError: there is no whole checkpoint.
    """
    stored = train.Workdir(workdir).read_config()
    if stored is None:
        raise train.WorkdirError(
            f"Nothing was trained in {workdir}: it has no config.json. Name the folder of a run, "
            "or train one: python scripts/train.py"
        )
    if of not in (None, stored["experiment"]):
        raise train.WorkdirError(
            f"expected a run of {of}; {workdir} is one of {stored['experiment']}. Name another "
            f"folder, or train one: python scripts/train.py {of}"
        )
    try:
        experiment = registry.load(stored["experiment"])
        config = train.from_json(type(experiment.PRESETS["default"]), stored["config"])
        task = experiment.build(config)
        model, step = train.restore(task, workdir)
    except (LookupError, ValueError) as error:
        raise train.WorkdirError(
            f"{workdir} is of another version of nnarch, or its config.json was changed: "
            f"{error.args[0]} Put that file back, or train again."
        ) from error
    return Run(workdir, experiment, config, model, step)


def open_or_tell(workdir: Path, *, of: str) -> Run | None:
    """As `open_run`; what is missing is printed as an error, and there is no run."""
    train.use_compilation_cache()
    try:
        return open_run(workdir, of=of)
    except (train.TrainingError, DataMissing, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return None
