"""One update: exact accumulation, precision, and what a loss that is not finite leaves alone."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.extend.core import jaxprs_in_params
from jax.sharding import PartitionSpec
from tolerances import FLOAT32
from train.tiny_task import Summing, make_task

from nnarch.train import Loss, MeshConfig, TrainConfig, make_mesh, step
from nnarch.train.distributed import Votes
from nnarch.train.sharding import put_batch
from nnarch.train.state import create_state, define
from nnarch.train.step import CompiledStep, average_decay, make_update

CONFIG = TrainConfig(steps=20, warmup_steps=2, learning_rate=0.1, average=0.9, mesh=MeshConfig(1))


class Line(nnx.Module):
    """A line through points, and how often it was asked."""

    def __init__(self, key):
        self.w = nnx.Param(jax.random.normal(key, (4, 3)))
        self.b = nnx.Param(jnp.zeros(3))
        self.seen = nnx.BatchStat(jnp.zeros(()))

    def __call__(self, xs):
        self.seen[...] += jnp.mean(xs).astype(jnp.float32)
        return xs @ self.w[...] + self.b[...]


def weighted_error(model, batch, key):
    """Each row weighs as much as its sum says, so that micro-batches weigh differently."""
    error = jnp.sum((model(batch["numbers"]) - 1) ** 2, axis=1)
    weight = jnp.abs(batch["sums"])
    return Loss(jnp.sum(error * weight), jnp.sum(weight), {})


class Runner:
    """A compiled step of the line, one shape of batch."""

    def __init__(self, config=CONFIG, loss=weighted_error, poison=(), rows=16):
        self.mesh = make_mesh(config.mesh)
        task = make_task(loss=loss, lengths=(4,), rows=rows, poison=poison)
        self.task, self.config = replace(task, create=Line), config
        self.definition = define(self.task, config, self.mesh)
        self.state = create_state(self.task, config, self.definition)
        self.step = CompiledStep(self.task, config, self.definition, self.mesh)
        self.votes = Votes(self.mesh)

    def run(self, batches, *, leave=False):
        for number in batches:
            batch = put_batch(self.task.batches.batch(number), self.mesh)
            self.state, report = self.step(self.state, batch, self.votes.cast(leave))
        return jax.device_get(report)


def _params(runner):
    return jax.device_get(jax.tree.leaves(runner.state.params))


def test_accumulated_is_the_whole_batch():
    whole, cut = Runner(), Runner(replace(CONFIG, accumulate=4))
    for number in range(3):
        report, accumulated = whole.run([number]), cut.run([number])
        np.testing.assert_allclose(report.total, accumulated.total, **FLOAT32)
        np.testing.assert_allclose(report.weight, accumulated.weight, **FLOAT32)
        np.testing.assert_allclose(report.gradient_norm, accumulated.gradient_norm, **FLOAT32)
    for a, b in zip(_params(whole), _params(cut), strict=True):
        np.testing.assert_allclose(a, b, **FLOAT32)


def test_micro_batches_hand_the_other_state_on():
    cut = Runner(replace(CONFIG, accumulate=4))
    cut.run([0])
    rows = cut.task.batches.batch(0)["numbers"].reshape(4, 4, 4)
    np.testing.assert_allclose(
        cut.state.other["seen"][...], np.mean(rows, axis=(0, 2)).sum(), **FLOAT32
    )


def test_micro_batches_stay_on_their_devices():
    config = replace(CONFIG, accumulate=2, mesh=MeshConfig(4))
    one, several = Runner(), Runner(config)
    for a, b in zip(_params(one), _params(several), strict=True):
        np.testing.assert_array_equal(a, b)
    one.run([0]), several.run([0])
    for a, b in zip(_params(one), _params(several), strict=True):
        np.testing.assert_allclose(a, b, **FLOAT32)


def _products(jaxpr):
    """The operand types of every matrix product in a program, inner ones too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield tuple(str(operand.aval.dtype) for operand in equation.invars)
        for inner in jaxprs_in_params(equation.params):
            yield from _products(inner)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_products_run_in_the_precision_asked_for(precision):
    runner = Runner(replace(CONFIG, precision=precision))
    update = make_update(runner.task, runner.config, runner.definition, runner.mesh)
    batch, votes = runner.task.batches.batch(0), jnp.zeros(1, bool)
    program = jax.make_jaxpr(update)(runner.state, batch, votes)
    assert set(_products(program.jaxpr)) == {(precision, precision)}


def test_bfloat16_keeps_parameters_and_state_in_float32():
    runner, exact = Runner(replace(CONFIG, precision="bfloat16")), Runner()
    rounded, report = runner.run(range(3)), exact.run(range(3))
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(runner.state)}
    assert {dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)} == {jnp.float32.dtype}
    assert rounded.total.dtype == np.float32
    assert rounded.total != report.total
    assert rounded.total / rounded.weight == pytest.approx(report.total / report.weight, rel=0.02)


def _all_but_counters(state):
    kept = state._replace(step=0, skipped=0, skipped_in_a_row=0, key=0)
    return jax.device_get(jax.tree.leaves(kept))


@pytest.mark.parametrize("choose", [step._branch, step._select])
def test_a_loss_that_is_not_finite_leaves_the_whole_state_as_it_was(choose, monkeypatch):
    monkeypatch.setattr(step, "_branch", choose)
    runner = Runner(poison=(2, 3))
    runner.run([0, 1])
    before = _all_but_counters(runner.state)
    report = runner.run([2, 3])
    for a, b in zip(before, _all_but_counters(runner.state), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (report.skipped, report.skipped_in_a_row) == (2, 2)
    assert (report.total, report.weight) == (0, 0)
    assert int(runner.state.step) == 4  # the data has moved on
    report = runner.run([4])
    assert (report.skipped, report.skipped_in_a_row) == (2, 0)
    assert any(np.any(a != b) for a, b in zip(before, _all_but_counters(runner.state), strict=True))


def test_no_part_of_the_donated_state_is_copied_on_a_cpu():
    (program,) = Runner().step._programs.values()
    text = program.as_text()
    assert "f32[4,3]" in text
    assert not re.search(r"f32\[4,3\]\S* copy\(", text)


def test_a_gradient_that_is_not_finite_is_skipped_though_the_loss_is_finite():
    def rooted(model, batch, key):
        """The square root's slope at 0 is infinite."""
        error = jnp.sqrt(jnp.abs(model(batch["numbers"])) * 0.0)
        return Loss(jnp.sum(error), jnp.float32(1), {})

    runner = Runner(loss=rooted)
    before = _params(runner)
    report = runner.run([0])
    assert report.skipped == 1
    np.testing.assert_array_equal(before[0], _params(runner)[0])


def test_a_batch_that_weighs_nothing_moves_nothing_by_its_loss():
    def weightless(model, batch, key):
        return Loss(0.0 * jnp.sum(model(batch["numbers"])), jnp.float32(0), {})

    runner = Runner(replace(CONFIG, weight_decay=0.0), loss=weightless)
    before = _params(runner)
    assert runner.run([0]).skipped == 0
    np.testing.assert_array_equal(before[0], _params(runner)[0])


def test_the_average_follows_the_parameters():
    runner = Runner()
    average = jax.device_get(runner.state.average["w"][...])
    for number in range(3):
        runner.run([number])
        decay = float(average_decay(number, CONFIG))
        average = decay * average + (1 - decay) * jax.device_get(runner.state.params["w"][...])
    np.testing.assert_allclose(runner.state.average["w"][...], average, **FLOAT32)
    assert float(average_decay(10_000, CONFIG)) == np.float32(0.9)


def test_one_program_a_shape_and_none_for_a_stranger():
    runner = Runner()
    assert runner.step.lowerings == 1
    strange = put_batch(Summing(lengths=(5,)).batch(0), runner.mesh)
    with pytest.raises(ValueError, match=r"numbers.*\[16, 5\].*not announced"):
        runner.step(runner.state, strange, runner.votes.cast(False))


def test_the_state_is_donated_and_keeps_its_shardings():
    runner = Runner(replace(CONFIG, mesh=MeshConfig(4, 2)))
    before = runner.state
    runner.run([0])
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(before.params))
    places = jax.tree.map(lambda leaf: leaf.sharding, runner.state)
    assert jax.tree.leaves(places) == jax.tree.leaves(runner.definition.shardings)
    assert PartitionSpec("data") not in {place.spec for place in jax.tree.leaves(places)}


def test_one_vote_to_leave_is_heard():
    runner = Runner(replace(CONFIG, mesh=MeshConfig(4)))
    assert not runner.run([0]).stop
    assert runner.run([1], leave=True).stop


def test_dropout_differs_by_step_and_not_by_run():
    def seen_key(model, batch, key):
        return Loss(jax.random.uniform(key) + 0 * jnp.sum(model(batch["numbers"])), 1.0, {})

    runner = Runner(loss=seen_key)
    first, second = runner.run([0]).total, runner.run([0]).total
    again = Runner(loss=seen_key).run([0]).total
    assert first == again
    assert first != second


@pytest.mark.parametrize("leaving", range(8))
def test_every_device_has_a_vote_of_its_own(leaving):
    """No two share one, or processes that hold those two would each read their own."""
    runner = Runner(replace(CONFIG, mesh=MeshConfig(2, 4)))
    stay = runner.votes.cast(False)
    assert len({str(shard.index) for shard in stay.addressable_shards}) == 8
    single = jax.device_put(np.arange(8) == leaving, stay.sharding)
    batch = put_batch(runner.task.batches.batch(0), runner.mesh)
    _, report = runner.step(runner.state, batch, single)
    assert report.stop
