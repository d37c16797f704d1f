"""What an experiment hands to the engine. The engine knows no more of it than stands here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from flax import nnx
from jax import Array
from jax.sharding import PartitionSpec

Batch = dict[str, Any]
Rules = tuple[tuple[str, PartitionSpec], ...]


class Loss(NamedTuple):
    """Sums over a batch, and what they are sums over, so that micro-batches add up exactly."""

    total: Array  # float32 [], the sum over everything counted; differentiated
    weight: Array  # float32 [], how much is counted: tokens, rows
    metrics: dict[str, tuple[Array, Array]]  # name -> (sum, weight), for the log


class BatchIterator(Protocol):
    """Endless batches, and where one is among them."""

    def __next__(self) -> Batch:
        """A dict of NumPy arrays, each with this process' rows first."""
        ...

    def get_state(self) -> dict:
        """JSON-able: the position after the last batch given."""
        ...

    def set_state(self, state: dict) -> None:
        """Goes to a position that `get_state` gave."""
        ...


class Batches(Protocol):
    """The training split of one process."""

    @property
    def shapes(self) -> tuple[Batch, ...]:
        """One dict of `jax.ShapeDtypeStruct` a bucket: what this process yields."""
        ...

    def iterator(self) -> BatchIterator:
        """A new iterator at the first batch."""
        ...


@dataclass(frozen=True)
class Task:
    """A model, its data and its loss.

    Attributes:
      name: for messages.
      create: a typed key -> the model, parameters float32. Traced, so that a sharded model is
        never whole on one device.
      loss: (model in training mode, global batch on the devices, key) -> `Loss`. Traced.
      batches: of the training split.
      validate: model in evaluation mode -> figures of the validation split; it jits what it
        runs, and runs the same on every process. None: no evaluation.
      best: which figure picks the best step.
      best_is: whether the best figure is the largest or the smallest.
      unit: what the loss' weight counts, if it is to be shown beside the time: "tokens"; else
        "examples".
      files: what a run's folder keeps beside its arrays, by name: vocabularies. A run goes on with
        the same ones alone.
      rules: path -> partition, before the ones that `sharding.py` holds for every model.
    """

    name: str
    create: Callable[[Array], nnx.Module]
    loss: Callable[[nnx.Module, Batch, Array], Loss]
    batches: Batches
    validate: Callable[[nnx.Module], dict[str, float]] | None = None
    best: str = "loss"
    best_is: Literal["max", "min"] = "min"
    unit: str = "examples"
    files: Mapping[str, bytes] = field(default_factory=dict)
    rules: Rules = ()
