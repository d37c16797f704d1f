"""A trained run, opened again from its folder."""

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from flax import nnx

from nnarch import train
from scripts import registry


class Run(NamedTuple):
    """What a folder holds: how it was trained, and what came of it."""

    workdir: Path
    experiment: ModuleType
    config: Any  # the experiment's Config
    model: nnx.Module  # in evaluation mode
    step: int  # the one the model is from


def open_run(workdir: Path) -> Run:
    """The run's model at its best step.

    Raises:
      WorkdirError: nothing was trained there, or by an experiment or version that is not here.
      CheckpointError: there is no whole checkpoint.
    """
    stored = train.Workdir(workdir).read_config()
    if stored is None:
        raise train.WorkdirError(
            f"Nothing was trained in {workdir}: it has no config.json. Name the folder of a run, "
            "or train one: python scripts/train.py"
        )
    try:
        experiment = registry.load(stored["experiment"])
        config = train.from_json(type(experiment.PRESETS["default"]), stored["config"])
    except (LookupError, ValueError) as error:
        raise train.WorkdirError(
            f"{workdir} is of another version of nnarch: {error.args[0]} Train again."
        ) from error
    model, step = train.restore(experiment.build(config), workdir)
    return Run(workdir, experiment, config, model, step)
