"""Out of a run's folder again: the trained model."""

import os
from typing import Any, Literal, TypeVar

import jax
from flax import nnx
from jax.sharding import Mesh

from nnarch.train.checkpoint import Checkpoints
from nnarch.train.config import MeshConfig, TrainConfig, from_json
from nnarch.train.errors import CheckpointError, WorkdirError
from nnarch.train.sharding import make_mesh
from nnarch.train.state import TrainState, create_state, define, evaluated_model
from nnarch.train.task import Task
from nnarch.train.workdir import Workdir

T = TypeVar("T")


def experiment_of(workdir: str | os.PathLike) -> str:
    """The experiment that was trained in a folder.

    Raises:
      WorkdirError: nothing was trained there, or its config.json is damaged.
    """
    return _stored(workdir)["experiment"]


def read_options(kind: type[T], workdir: str | os.PathLike) -> T:
    """The options, a dataclass `kind`, that a run was trained with.

    Raises:
      WorkdirError: nothing was trained there, or with options that are not of this version.
    """
    try:
        return from_json(kind, _stored(workdir)["config"])
    except ValueError as error:
        raise WorkdirError(
            f"{workdir} is of another version of nnarch, or its config.json was changed: {error} "
            "Put that file back, or train again."
        ) from error


def _stored(workdir: str | os.PathLike) -> dict[str, Any]:
    stored = Workdir(workdir).read_config()
    if stored is None:
        raise WorkdirError(
            f"Nothing was trained in {workdir}: it has no config.json. Name the folder of a run, "
            "or train one: python scripts/train.py"
        )
    return stored


def restore(
    task: Task,
    workdir: str | os.PathLike,
    *,
    which: Literal["best", "latest"] = "best",
    mesh: Mesh | None = None,
) -> tuple[nnx.Module, int]:
    """The trained model in evaluation mode, and the step it is from.

    A checkpoint that is damaged is passed over with a warning.

    Args:
      task: the one that was trained.
      workdir: where.
      which: the best step by the task's figure, or the last one.
      mesh: where to put it, whatever it was trained on; one device if left out.

    Raises:
      WorkdirError: nothing was trained there, or with other data.
      CheckpointError: there is no checkpoint yet, or none is whole.
    """
    folder = Workdir(workdir)
    config = from_json(TrainConfig, _stored(workdir)["config"]["train"])
    folder.check_files(task.files)
    definition = define(task, config, mesh or _one_device())
    state, step = _read(folder, definition.abstract, which)
    params = state.params if state.average is None else state.average
    return evaluated_model(definition, params, state.other), step


def untrained(task: Task, config: TrainConfig, *, mesh: Mesh | None = None) -> nnx.Module:
    """The model that a run of these options begins with, in evaluation mode; arguments as above."""
    mesh = mesh or _one_device()
    definition = define(task, config, mesh)
    state = create_state(task, config, definition)
    return evaluated_model(definition, state.params, state.other)


def _one_device() -> Mesh:
    return make_mesh(MeshConfig(data=1), jax.local_devices()[:1])


def _read(
    folder: Workdir, abstract: TrainState, which: Literal["best", "latest"]
) -> tuple[TrainState, int]:
    if folder.checkpoints.exists():
        with Checkpoints(folder.checkpoints, mode="read") as checkpoints:
            restored = checkpoints.restore_model(abstract, which)
        if restored is not None:
            return restored.state, restored.step
    raise CheckpointError(f"{folder.path} holds no checkpoint yet. Train until it has one.")
