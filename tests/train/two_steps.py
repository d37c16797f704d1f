"""Two training steps of an experiment on a mesh of its own, without the loop around them."""

from dataclasses import replace

import numpy as np

from nnarch import train
from nnarch.train import sharding
from nnarch.train.distributed import Votes
from nnarch.train.state import create_state, define
from nnarch.train.step import CompiledStep


def two_losses(build, config, devices):
    """The losses of two steps of `build(config)` on a mesh of these `devices`."""
    config = replace(config, train=replace(config.train, steps=2, mesh=devices))
    task, mesh = build(config), train.make_mesh(devices)
    definition = define(task, config.train, mesh)
    state = create_state(task, config.train, definition)
    step = CompiledStep(task, config.train, definition, mesh)
    stay = Votes(mesh).cast(False)
    batches, found = task.batches.iterator(), []
    for _ in range(2):
        state, report = step(state, sharding.put_batch(next(batches), mesh), stay)
        found.append(float(report.total / report.weight))
    return found


def check_two_by_four(build, config, tolerance):
    """Raises AssertionError unless eight devices, 2 x 4, have the losses of one, which differ."""
    alone = two_losses(build, config, train.MeshConfig(data=1))
    spread = two_losses(build, config, train.MeshConfig(data=2, model=4))
    np.testing.assert_allclose(spread, alone, **tolerance)
    assert alone[0] != alone[1]
