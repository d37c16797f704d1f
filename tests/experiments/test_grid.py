"""The grid experiment from end to end on each of its tasks, in small."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from tolerances import FLOAT32_DEEP

from experiments import grid
from nnarch import train
from nnarch.models.grid_lstm import GridLSTMConfig
from scripts import evaluate as evaluate_script

TASKS = {
    "addition": grid.DataConfig(task="addition", digits=2, batch_size=16, validation=40, test=50),
    "memorisation": grid.DataConfig(
        task="memorisation", length=2, symbols=50, batch_size=16, validation=40, test=50
    ),
    "parity": grid.DataConfig(task="parity", bits=12, batch_size=16, validation=40, test=50),
}
PEERS = {"addition": "stacked", "memorisation": "stacked", "parity": "feedforward"}
every_task = pytest.mark.parametrize("task", TASKS)


def config_of(task, *, kind="grid", steps=6, hidden=8, devices=1, rate=1e-2):
    return grid.Config(
        train=train.TrainConfig(
            steps=steps,
            learning_rate=rate,
            warmup_steps=2,
            evaluate_every=3,
            checkpoint_every=steps,
            mesh=train.MeshConfig(data=devices),
        ),
        model=GridLSTMConfig(kind=kind, hidden=hidden, layers=2),
        data=TASKS[task],
        decode=grid.DecodeConfig(batch_size=30),
    )


def fit(config, folder):
    description = {"experiment": "grid", "preset": "default", "config": train.to_json(config)}
    return train.fit(grid.build(config), config.train, folder, description=description)


@every_task
def test_each_task_is_trained_evaluated_and_shown(task, tmp_path, capsys):
    own, peer = tmp_path / "own", tmp_path / "peer"
    assert fit(config_of(task), own).finished
    assert fit(config_of(task, kind=PEERS[task]), peer).finished
    (tmp_path / "notes.txt").touch()
    assert evaluate_script.main([str(own), "--batch-size", "20"]) == 0
    figures = json.loads((own / "metrics.json").read_text())
    assert set(figures) == {"test", "learning"}
    assert 0 <= figures["test"]["sequences"] <= figures["test"]["symbols"] <= 100
    assert figures["learning"]["thousand_samples"] == 6 * 16 / 1000
    page = (own / "report" / "index.html").read_text()
    assert "peer (" + PEERS[task] in page
    assert "Wrong" in page
    assert (own / "report" / "samples.png").exists()
    assert "sequences" in capsys.readouterr().out


def test_it_learns_to_repeat_two_symbols(tmp_path):
    data = replace(TASKS["memorisation"], symbols=50, length=2, batch_size=64)
    config = replace(config_of("memorisation", steps=240, hidden=32, rate=2e-2), data=data)
    config = replace(config, train=replace(config.train, evaluate_every=240))
    result = fit(config, tmp_path / "run")
    assert result.best_figures["symbols"] > 90


def test_two_steps_on_eight_devices_are_those_of_one(tmp_path):
    params = []
    for devices in (1, 8):
        config = config_of("addition", steps=2, devices=devices)
        fit(config, tmp_path / str(devices))
        model, _ = train.restore(grid.build(config), tmp_path / str(devices))
        params.append(jax.tree.leaves(grid.nnx.state(model)))
    for one, many in zip(*params, strict=True):
        np.testing.assert_allclose(one, many, **FLOAT32_DEEP)


def test_the_test_set_is_the_same_for_every_seed_and_never_trained_on():
    config = config_of("addition")
    batches = grid.build(config).batches
    trained = {row.tobytes() for n in range(50) for row in batches.batch(n)["inputs"]}
    grid._samples.cache_clear()
    first = grid._samples(config.data, "test")["inputs"]
    grid._samples.cache_clear()
    np.testing.assert_array_equal(grid._samples(config.data, "test")["inputs"], first)
    assert not trained & {row.tobytes() for row in first}


def test_training_alone_has_easier_problems():
    """A number of two digits that begins with 0 is easier."""
    config = config_of("addition")
    trained = np.concatenate([grid.build(config).batches.batch(n)["inputs"] for n in range(20)])
    begins_with_zero = (trained[:, [1, 4]] == 1).any(axis=1)
    assert 0.2 < begins_with_zero.mean() < 0.5
    for split in ("validation", "test"):
        assert not (grid._samples(config.data, split)["inputs"][:, [1, 4]] == 1).any()
    hard = grid.build(replace(config, data=replace(config.data, easier=0.0))).batches
    assert not (hard.batch(0)["inputs"][:, [1, 4]] == 1).any()


def test_history_counts_samples_until_it_stays_right():
    config = config_of("addition")  # batches of 16
    shares = [10, 60, 40, 92, 99.5, 99]
    rows = [
        {"split": "validation", "step": 1000 * n, "sequences": share}
        for n, share in enumerate(shares, 1)
    ]
    rows += [
        {"split": "train", "step": 9000, "sequences": 0.0},
        {"split": "validation"} | {"step": 1},
    ]
    assert grid.history(config, rows)["learning"] == {
        "thousand_samples": 96.0,
        "thousand_samples_to_50": 64.0,
        "thousand_samples_to_90": 64.0,
        "thousand_samples_to_99": 80.0,
    }
    assert grid.history(config, []) == {"learning": {}}


def test_presets_survive_json():
    for preset in grid.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(grid.Config, json.loads(text)) == preset


@pytest.mark.parametrize("name", ["paper_addition", "paper_memorisation", "paper_parity"])
def test_a_step_of_the_published_sizes_has_shapes(name):
    """Traced and neither compiled nor run, which takes seconds and gigabytes at these sizes."""
    config = replace(
        grid.PRESETS[name], train=replace(grid.PRESETS[name].train, mesh=train.MeshConfig(data=1))
    )
    task = grid.build(config)
    model = grid.nnx.eval_shape(task.create, jax.random.key(0))
    graph, state = grid.nnx.split(model)

    def loss(state, batch, key):
        return task.loss(grid.nnx.merge(graph, state), batch, key).total

    (batch,) = task.batches.shapes
    key = jax.eval_shape(lambda: jax.random.key(0))
    gradient = jax.eval_shape(jax.grad(loss), state, batch, key)
    assert jax.tree.structure(gradient) == jax.tree.structure(state)
