"""The engine: `fit` trains any `Task`; `restore` reads the model back."""

from nnarch.train.compilation import use_compilation_cache
from nnarch.train.config import (
    MeshConfig,
    TrainConfig,
    at_least,
    check_counts,
    differences,
    from_json,
    to_json,
)
from nnarch.train.distributed import initialise
from nnarch.train.errors import (
    CheckpointError,
    DivergenceError,
    MeshError,
    TrainingError,
    WorkdirError,
)
from nnarch.train.log import read_rows
from nnarch.train.loop import FitResult, fit
from nnarch.train.restore import experiment_of, read_options, restore, untrained
from nnarch.train.sharding import Feed, feed, make_mesh
from nnarch.train.task import Batch, Batches, BatchIterator, Loss, Task
from nnarch.train.workdir import Workdir, write_json

__all__ = [
    "Batch",
    "BatchIterator",
    "Batches",
    "CheckpointError",
    "DivergenceError",
    "Feed",
    "FitResult",
    "Loss",
    "MeshConfig",
    "MeshError",
    "Task",
    "TrainConfig",
    "TrainingError",
    "Workdir",
    "WorkdirError",
    "at_least",
    "check_counts",
    "differences",
    "experiment_of",
    "feed",
    "fit",
    "from_json",
    "initialise",
    "make_mesh",
    "read_options",
    "read_rows",
    "restore",
    "to_json",
    "untrained",
    "use_compilation_cache",
    "write_json",
]
