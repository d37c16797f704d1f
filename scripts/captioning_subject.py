"""The captioning experiment's training step without the loop around it, for the benchmark."""

from typing import Any

import jax
from flax import nnx

from experiments import captioning
from nnarch.bench.captioning import Subject
from nnarch.bench.captioning_recipe import Recipe
from nnarch.train.config import TrainConfig
from nnarch.train.distributed import Votes
from nnarch.train.optimiser import make_optimiser
from nnarch.train.sharding import make_mesh, put_batch
from nnarch.train.state import TrainState, create_state, define
from nnarch.train.step import CompiledStep, moved


def captioning_subject(device: jax.Device) -> Subject:
    """The default captioning experiment, as `fit` would train it on one device."""
    config = captioning.PRESETS["default"]
    task = captioning.build(config)
    mesh = make_mesh(config.train.mesh, [device])
    definition = define(task, config.train, mesh)
    state = create_state(task, config.train, definition)
    batches = task.batches.iterator()
    return Subject(
        model=nnx.merge(definition.training, state.params, state.other, copy=True),
        recipe=_recipe(config),
        draw=lambda: put_batch(next(batches), mesh),
        optimise=_optimise(config.train, state),
        update=_Update(CompiledStep(task, config.train, definition, mesh), state, Votes(mesh)),
    )


class _Update:
    """Holds the state, which every step consumes and replaces."""

    def __init__(self, step: CompiledStep, state: Any, votes: Votes):
        self._step, self._state = step, jax.tree.map(lambda leaf: leaf.copy(), state)
        self._vote = votes.cast(False)

    def __call__(self, batch: dict[str, Any]) -> Any:
        self._state, report = self._step(self._state, batch, self._vote)
        return self._state, report


def _optimise(config: TrainConfig, state: TrainState) -> Any:
    """Clipping, Adam and the moving average, with the parameters for a gradient."""
    optimiser = make_optimiser(config)

    def update(state: TrainState) -> TrainState:
        return moved(optimiser, state, state.params, state.other, config.learning_rate, config)

    compiled = jax.jit(update).lower(state).compile()
    return lambda: compiled(state)


def _recipe(config: captioning.Config) -> Recipe:
    change, train = config.augmentation, config.train
    return Recipe(
        shift=change.shift,
        scale=change.scale,
        brightness=change.brightness,
        contrast=change.contrast,
        channels=change.channels,
        label_smoothing=config.label_smoothing,
        learning_rate=train.learning_rate,
        weight_decay=train.weight_decay,
        clip_norm=train.clip_norm,
        average=train.average,
    )
