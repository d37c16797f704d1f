"""One update as a pure function of state and batch, and its compiled programs."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array, lax
from jax.sharding import Mesh

from nnarch.train import sharding
from nnarch.train.config import TrainConfig
from nnarch.train.distributed import Votes
from nnarch.train.optimiser import learning_rate, make_optimiser
from nnarch.train.state import Definition, TrainState
from nnarch.train.task import Batch, Loss, Task


class Report(NamedTuple):
    """What a step says of itself; all [] and the same on every process."""

    total: Array  # float32, the loss' sum; 0 if the update was skipped
    weight: Array  # float32, what it is a sum over; 0 if the update was skipped
    metrics: dict[str, tuple[Array, Array]]  # (sum, weight); 0 if the update was skipped
    gradient_norm: Array  # float32, before clipping
    learning_rate: Array  # float32
    skipped: Array  # int32, updates skipped so far
    skipped_in_a_row: Array  # int32
    stop: Array  # bool, whether any process was asked to stop


Update = Callable[[TrainState, Batch, Array], tuple[TrainState, Report]]
Move = Callable[[TrainState], TrainState]


def make_update(task: Task, config: TrainConfig, definition: Definition, mesh: Mesh) -> Update:
    """(state, global batch, votes bool [devices]) -> (state, report).

    A loss or gradient that is not finite leaves everything but `step` and the counters as it
    was.
    """
    optimiser = make_optimiser(config)
    differentiate = jax.value_and_grad(_make_loss(task, config, definition), has_aux=True)

    def update(state: TrainState, batch: Batch, votes: Array) -> tuple[TrainState, Report]:
        key = jax.random.fold_in(state.key, state.step)
        gradient, loss, other = _accumulate(differentiate, state, batch, key, config, mesh)
        scale = jnp.where(loss.weight > 0, 1 / loss.weight, 0)
        gradient = jax.tree.map(lambda g: g * scale, gradient)
        norm = optax.tree.norm(gradient)
        rate = learning_rate(state.step, config)
        finite = jnp.isfinite(loss.total) & jnp.isfinite(norm)

        def move(state: TrainState) -> TrainState:
            return moved(optimiser, state, gradient, other, rate, config)

        state = _count(finite, _move_if(finite, move, state))
        return state, _report(state, loss, norm, rate, finite, votes)

    return update


def _make_loss(task: Task, config: TrainConfig, definition: Definition) -> Callable:
    """(params, other, batch, key) -> (total, (loss, other)), computing in config.precision."""
    dtype = jnp.dtype(config.precision)

    def loss(params, other, batch, key):
        model = nnx.merge(definition.training, _cast_floats(params, dtype), other, copy=True)
        loss = task.loss(model, _cast_floats(batch, dtype), key)
        loss = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), loss)
        _, _, after = nnx.split(model, nnx.Param, ...)
        after = jax.tree.map(lambda new, old: new.astype(old.dtype), after, other)
        return loss.total, (loss, after)

    return loss


def _cast_floats(tree: Any, dtype: jnp.dtype) -> Any:
    def cast(leaf):
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return tree if dtype == jnp.float32 else jax.tree.map(cast, tree)


def _accumulate(
    differentiate: Callable,
    state: TrainState,
    batch: Batch,
    key: Array,
    config: TrainConfig,
    mesh: Mesh,
) -> tuple[Any, Loss, Any]:
    """Sums of gradients and losses over the micro-batches, and the model's other state."""
    if config.accumulate == 1:
        (_, (loss, other)), gradient = differentiate(state.params, state.other, batch, key)
        return gradient, loss, other

    def add(carry, micro):
        sums, other = carry
        number, rows = micro
        (_, (loss, other)), gradient = differentiate(
            state.params, other, rows, jax.random.fold_in(key, number)
        )
        return (jax.tree.map(jnp.add, sums, (gradient, loss)), other), None

    micro = (jnp.arange(config.accumulate), _cut(batch, config.accumulate, mesh))
    _, (shape, _) = jax.eval_shape(
        lambda rows: differentiate(state.params, state.other, rows, key)[0],
        jax.tree.map(lambda leaf: leaf[0], micro[1]),
    )
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (state.params, shape))
    ((gradient, loss), other), _ = lax.scan(add, (zeros, state.other), micro)
    return gradient, loss, other


def _cut(batch: Batch, parts: int, mesh: Mesh) -> Batch:
    """[B, ...] -> [parts, B / parts, ...]; every part takes rows from every device."""

    def cut(leaf):
        leaf = leaf.reshape(leaf.shape[0] // parts, parts, *leaf.shape[1:]).swapaxes(0, 1)
        return lax.with_sharding_constraint(leaf, sharding.micro_batches(mesh))

    return jax.tree.map(cut, batch)


def moved(
    optimiser: optax.GradientTransformation,
    state: TrainState,
    gradient: Any,
    other: Any,
    rate: Array | float,
    config: TrainConfig,
) -> TrainState:
    """The state after an update; its step, its key and its counters are left alone."""
    directions, optimiser_state = optimiser.update(gradient, state.optimiser, state.params)
    params = jax.tree.map(lambda p, d: p + rate * d, state.params, directions)
    average = state.average
    if average is not None:
        decay = average_decay(state.step, config)
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, params)
    return state._replace(params=params, other=other, optimiser=optimiser_state, average=average)


def average_decay(step: Array, config: TrainConfig) -> Array:
    """Rises to config.average, so that an average of few steps does not remember the start."""
    step = jnp.asarray(step, jnp.float32)
    return jnp.minimum(config.average, (1 + step) / (10 + step))


def _move_if(finite: Array, move: Move, state: TrainState) -> TrainState:
    """What `move` makes of the state, or the state as it is."""
    return lax.platform_dependent(
        state, cpu=partial(_branch, finite, move), default=partial(_select, finite, move)
    )


def _branch(finite: Array, move: Move, state: TrainState) -> TrainState:
    """For CPUs, where a choice between old and new first copies all of the donated state."""
    return lax.cond(finite, move, lambda state: state, state)


def _select(finite: Array, move: Move, state: TrainState) -> TrainState:
    """For accelerators, which would wait for the host to read `finite` and branch."""
    return jax.tree.map(lambda new, old: jnp.where(finite, new, old), move(state), state)


def _count(finite: Array, state: TrainState) -> TrainState:
    failed = (~finite).astype(jnp.int32)
    return state._replace(
        step=state.step + 1,
        skipped=state.skipped + failed,
        skipped_in_a_row=(state.skipped_in_a_row + 1) * failed,
    )


def _report(
    state: TrainState, loss: Loss, norm: Array, rate: Array, finite: Array, votes: Array
) -> Report:
    total, weight, metrics = jax.tree.map(lambda leaf: jnp.where(finite, leaf, 0), tuple(loss))
    return Report(
        total, weight, metrics, norm, rate, state.skipped, state.skipped_in_a_row, votes.any()
    )


class CompiledStep:
    """One program a shape of batch, all compiled when this is made and none later."""

    def __init__(self, task: Task, config: TrainConfig, definition: Definition, mesh: Mesh):
        """Lowers and compiles; takes seconds a shape."""
        whole = sharding.replicated(mesh)
        update = jax.jit(
            make_update(task, config, definition, mesh),
            donate_argnums=0,
            out_shardings=(definition.shardings, whole),
        )
        votes = Votes.shape(mesh)
        self._programs = {}
        for shape in task.batches.shapes:
            shape = sharding.global_shapes(shape, mesh)
            lowered = update.lower(definition.abstract, shape, votes)
            self._programs[_signature(shape)] = lowered.compile()

    @property
    def lowerings(self) -> int:
        """How many programs were made; no later step makes another."""
        return len(self._programs)

    def __call__(self, state: TrainState, batch: Batch, votes: Array) -> tuple[TrainState, Report]:
        """Runs the program for the batch's shape; `state` is donated.

        Raises:
          ValueError: the batch has a shape that `task.batches.shapes` does not hold.
        """
        program = self._programs.get(_signature(batch))
        if program is None:
            raise ValueError(
                f"A batch of {dict(_signature(batch))} was not announced; `batches.shapes` has "
                f"{[dict(known) for known in self._programs]}. Announce every bucket."
            )
        return program(state, batch, votes)


def _signature(batch: Batch) -> tuple[tuple[str, str], ...]:
    leaves = jax.tree_util.tree_leaves_with_path(batch)
    return tuple(
        (sharding.leaf_name(path), f"{leaf.dtype}{list(leaf.shape)}") for path, leaf in leaves
    )
