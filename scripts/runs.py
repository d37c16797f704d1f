"""A trained run, opened again from its folder."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from flax import nnx

from nnarch import train
from nnarch.data.fetch import DataMissing
from scripts import registry


class Run(NamedTuple):
    """What a folder holds: how it was trained, and what came of it."""

    workdir: Path
    experiment: registry.Experiment
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
    name = train.experiment_of(workdir)
    if of not in (None, name):
        raise train.WorkdirError(
            f"expected a run of {of}; {workdir} is one of {name}. Name another folder, or train "
            f"one: python scripts/train.py {of}"
        )
    try:
        experiment = registry.load(name)
    except LookupError as error:
        raise train.WorkdirError(f"{workdir} is of another version of nnarch: {error}") from error
    config = train.read_options(type(experiment.PRESETS["default"]), workdir)
    try:
        model, step = train.restore(experiment.build(config), workdir)
    except ValueError as error:
        raise train.WorkdirError(
            f"{workdir} cannot be built from its config.json: {error} Was that file changed?"
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
