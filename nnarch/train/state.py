"""Everything that one step hands to the next, and how it begins."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array
from jax.sharding import Mesh

from nnarch.train.config import TrainConfig
from nnarch.train.optimiser import make_optimiser
from nnarch.train.sharding import shard_tree
from nnarch.train.task import Task


class TrainState(NamedTuple):
    """A tree of arrays; donated to each step and returned by it."""

    step: Array  # int32 [], batches seen; advances when an update is skipped, too
    params: nnx.State  # float32
    other: nnx.State  # the model's other variables: batch statistics
    optimiser: optax.OptState
    average: nnx.State | None  # moving average of params, None if not asked for
    key: Array  # typed key of the run; a step folds its number in
    skipped: Array  # int32 [], updates that were not finite
    skipped_in_a_row: Array  # int32 [], of those, the ones since the last good update


class Definition(NamedTuple):
    """The model without its arrays, and where those lie."""

    training: nnx.GraphDef
    evaluation: nnx.GraphDef
    abstract: TrainState  # shapes, dtypes and shardings
    shardings: TrainState


def define(task: Task, config: TrainConfig, mesh: Mesh) -> Definition:
    """Finds shapes and shardings without computing anything."""
    model = nnx.eval_shape(task.create, jax.random.key(config.seed))
    model.eval()
    evaluation = nnx.graphdef(model)
    model.train()
    abstract = jax.eval_shape(lambda key: _initial(task, config, key), jax.random.key(config.seed))
    shardings = shard_tree(abstract, mesh, task.rules)
    abstract = jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        abstract,
        shardings,
    )
    return Definition(nnx.graphdef(model), evaluation, abstract, shardings)


def create_state(task: Task, config: TrainConfig, definition: Definition) -> TrainState:
    """The state before the first step, each leaf made where it is to lie."""
    start = jax.jit(lambda key: _initial(task, config, key), out_shardings=definition.shardings)
    return start(jax.random.key(config.seed))


def _initial(task: Task, config: TrainConfig, key: Array) -> TrainState:
    model_key, step_key = jax.random.split(key)
    _, params, other = nnx.split(task.create(model_key), nnx.Param, ...)
    zero = jnp.zeros((), jnp.int32)
    return TrainState(
        step=zero,
        params=params,
        other=other,
        optimiser=make_optimiser(config).init(params),
        average=jax.tree.map(jnp.copy, params) if config.average else None,
        key=step_key,
        skipped=zero,
        skipped_in_a_row=zero,
    )


def evaluated_model(definition: Definition, params: Any, other: Any) -> nnx.Module:
    """The model in evaluation mode, over the arrays given."""
    return nnx.merge(definition.evaluation, params, other, copy=True)
