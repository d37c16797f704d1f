"""What is kept, what damage does, and that nothing else is lost."""

import gc
import json
import logging
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from train.tiny_task import make_task

from nnarch.train import CheckpointError, MeshConfig, TrainConfig, Workdir, make_mesh
from nnarch.train.checkpoint import Checkpoints
from nnarch.train.state import create_state, define

# What is read of a damaged file is dropped by tensorstore while nobody waits for it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONFIG = TrainConfig(average=0.9, mesh=MeshConfig(1))


@pytest.fixture
def workdir(tmp_path):
    yield Workdir(tmp_path)
    gc.collect()  # so that what tensorstore drops is dropped within the test that caused it


@pytest.fixture(scope="module")
def definition():
    return define(make_task(hidden=64), CONFIG, make_mesh(CONFIG.mesh))


@pytest.fixture(scope="module")
def initial(definition):
    return create_state(make_task(hidden=64), CONFIG, definition)


def at(state, step):
    """A state that could be that of `step`: each step's parameters differ."""
    params = jax.tree.map(lambda leaf: leaf + step, state.params)
    return state._replace(step=jnp.int32(step), params=params)


def save(workdir, initial, scores):
    with Checkpoints(workdir.checkpoints) as checkpoints:
        for step, score in scores.items():
            checkpoints.save(at(initial, step), {"at": step, "third": 1 / 3}, score=score)


def restore(workdir, definition):
    with Checkpoints(workdir.checkpoints) as checkpoints:
        return checkpoints.restore_latest(definition.abstract, workdir.damaged)


def plain(state):
    leaves = jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))
    return [np.asarray(leaf) for leaf in leaves]


def assert_same(state, expected):
    for a, b in zip(plain(state), plain(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def steps_in(folder):
    return {path.name for path in folder.iterdir()}


def test_comes_back_whole(workdir, definition, initial):
    save(workdir, initial, {3: None})
    restored = restore(workdir, definition)
    assert restored.step == 3
    assert restored.progress == {"at": 3, "third": 1 / 3}
    assert_same(restored.state, at(initial, 3))
    assert restored.state.key.dtype == initial.key.dtype


def test_nothing_saved_is_nothing_restored(workdir, definition):
    assert restore(workdir, definition) is None


def test_the_latest_two_and_the_best_are_kept(workdir, initial):
    save(workdir, initial, {1: 0.5, 2: 0.9, 3: None, 4: 0.1, 5: 0.9, 6: 0.3, 7: None})
    assert steps_in(workdir.checkpoints) == {"5", "6", "7"}
    with Checkpoints(workdir.checkpoints, mode="read") as checkpoints:
        assert checkpoints.steps("latest") == [7, 6, 5]
        assert checkpoints.steps("best")[0] == 5


def test_a_step_that_is_there_is_left_alone(workdir, definition, initial):
    save(workdir, initial, {3: None})
    with Checkpoints(workdir.checkpoints) as checkpoints:
        checkpoints.save(at(initial, 3), {"at": "again"})
    assert restore(workdir, definition).progress["at"] == 3


def test_donated_buffers_do_not_reach_what_is_being_saved(workdir, definition, initial):
    double = jax.jit(
        lambda s: s._replace(params=jax.tree.map(lambda p: p * 2, s.params)), donate_argnums=0
    )
    state = jax.tree.map(jnp.copy, at(initial, 1))
    with Checkpoints(workdir.checkpoints) as checkpoints:
        checkpoints.save(state, {})
        for _ in range(5):
            state = double(state)
    assert_same(restore(workdir, definition).state, at(initial, 1))


def _array_files(step_folder):
    files = [path for path in step_folder.rglob("*") if path.is_file() and path.parent.name == "d"]
    return sorted(files, key=lambda path: path.stat().st_size)


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_progress(path):
    path.write_text(path.read_text().replace('"third": 0.33333', '"third": 0.33332'))


DAMAGE = {
    "a flipped byte": lambda folder: _flip(_array_files(folder)[-1]),
    "an array cut short": lambda folder: _cut(_array_files(folder)[-1]),
    "an array gone": lambda folder: _array_files(folder)[-1].unlink(),
    "progress flipped": lambda folder: _flip_progress(folder / "progress" / "metadata"),
    "progress cut short": lambda folder: _cut(folder / "progress" / "metadata"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_and_the_step_before_taken(workdir, definition, initial, damage, caplog):
    save(workdir, initial, {1: None, 2: None})
    before = (workdir.checkpoints / "2" / "progress" / "metadata").read_bytes()
    DAMAGE[damage](workdir.checkpoints / "2")
    after = (workdir.checkpoints / "2" / "progress" / "metadata").read_bytes()
    assert ("progress" in damage) == (before != after)
    with caplog.at_level(logging.WARNING):
        restored = restore(workdir, definition)
    assert restored.step == 1
    assert_same(restored.state, at(initial, 1))
    assert "step 2 is damaged" in caplog.text
    assert ("digest" in caplog.text) == ("flipped" in damage)  # nothing else would have seen it
    assert steps_in(workdir.checkpoints) == {"1"}
    assert steps_in(workdir.damaged) == {"2.0"}  # set aside, not deleted


def test_a_step_set_aside_can_be_saved_again(workdir, definition, initial):
    save(workdir, initial, {1: None, 2: None})
    _flip(_array_files(workdir.checkpoints / "2")[-1])
    with Checkpoints(workdir.checkpoints) as checkpoints:
        checkpoints.restore_latest(definition.abstract, workdir.damaged)
        checkpoints.save(at(initial, 2), {})
    assert restore(workdir, definition).step == 2


def test_no_whole_checkpoint_is_an_error_and_loses_nothing(workdir, definition, initial):
    save(workdir, initial, {1: None, 2: None})
    for step in ("1", "2"):
        _flip(_array_files(workdir.checkpoints / step)[-1])
    with pytest.raises(CheckpointError, match=r"step 2: .*digest.*step 1: .*digest.*new with"):
        restore(workdir, definition)
    assert steps_in(workdir.checkpoints) == {"1", "2"}


def test_another_model_is_not_taken_for_damage_that_one_may_pass_over(workdir, initial):
    save(workdir, initial, {1: None})
    other = define(make_task(hidden=4), CONFIG, make_mesh(CONFIG.mesh))
    with pytest.raises(CheckpointError, match="step 1"):
        restore(workdir, other)
    assert steps_in(workdir.checkpoints) == {"1"}


def test_what_a_kill_left_half_written_is_cleared(workdir, definition, initial):
    save(workdir, initial, {1: None})
    (workdir.checkpoints / "2.orbax-checkpoint-tmp").mkdir()
    with Checkpoints(workdir.checkpoints, mode="read") as checkpoints:
        assert checkpoints.steps("latest") == [1]
    assert "2.orbax-checkpoint-tmp" in steps_in(workdir.checkpoints)  # may be one being written
    with Checkpoints(workdir.checkpoints) as checkpoints:
        checkpoints.save(at(initial, 2), {})
    assert steps_in(workdir.checkpoints) == {"1", "2"}


@pytest.mark.parametrize("mesh", [MeshConfig(1), MeshConfig(2), MeshConfig(2, 2)])
def test_saved_on_four_devices_restored_on_any(workdir, initial, mesh):
    def on(mesh):
        return define(make_task(hidden=64), replace(CONFIG, mesh=mesh), make_mesh(mesh))

    four = jax.device_put(at(initial, 5), on(MeshConfig(2, 2)).shardings)
    with Checkpoints(workdir.checkpoints) as checkpoints:
        checkpoints.save(four, {})
    restored = restore(workdir, on(mesh))
    assert_same(restored.state, at(initial, 5))
    assert jax.tree.map(lambda leaf: leaf.sharding, restored.state) == on(mesh).shardings


def test_too_little_space_is_told_before_anything_is_written(workdir, initial, monkeypatch):
    save(workdir, initial, {1: None})
    with Checkpoints(workdir.checkpoints) as checkpoints:
        usage = type("Usage", (), {"free": 10})
        monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
        with pytest.raises(CheckpointError, match=r"10 are free.*step 1\. Free some space"):
            checkpoints.save(at(initial, 2), {})
    assert steps_in(workdir.checkpoints) == {"1"}


def test_progress_is_plain_json(workdir, initial):
    save(workdir, initial, {1: 0.5})
    stored = json.loads((workdir.checkpoints / "1" / "progress" / "metadata").read_text())
    assert stored["content"]["progress"] == {"at": 1, "third": 1 / 3}
    assert "params.w_h" in stored["content"]["digests"]


@pytest.mark.parametrize("content", ["", "[1]", '{"score": "high"}', "{"])
def test_a_damaged_score_costs_nothing_but_the_score(workdir, initial, definition, caplog, content):
    save(workdir, initial, {1: 0.9, 2: 0.5})
    (workdir.checkpoints / "1" / "metrics" / "metrics").write_text(content)
    with Checkpoints(workdir.checkpoints, mode="read") as checkpoints:
        assert checkpoints.steps("best") == [2, 1]
    assert restore(workdir, definition).step == 2
    assert "no longer counts as the best" in caplog.text
    save(workdir, initial, {3: 0.1})
    assert {"2", "3"} <= steps_in(workdir.checkpoints)
