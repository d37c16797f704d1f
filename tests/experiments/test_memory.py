"""The memory experiment from end to end, in small: trained, resumed, evaluated, shown, sharded."""

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments import memory
from nnarch import train
from nnarch.models.memory_net import MemoryNetConfig
from scripts import evaluate as evaluate_script
from tests.tolerances import DRAWN, FIRST_STEPS, FLOAT32
from tests.train.two_steps import check_two_by_four

SMALL = memory.DataConfig(distances=(4, 9), batch_size=16, validation=30, test=40, probes=8)
TRAINING = train.TrainConfig(
    steps=6,
    learning_rate=1e-2,
    warmup_steps=2,
    evaluate_every=3,
    checkpoint_every=3,
    mesh=train.MeshConfig(data=1),
)


def config_of(task="adding", kind="lstm", **others):
    return memory.Config(
        train=replace(TRAINING, **others),
        model=MemoryNetConfig(kind=kind, hidden=8, window=5),
        data=replace(SMALL, task=task),
        decode=memory.DecodeConfig(batch_size=25),
    )


def fit(config, folder):
    description = {"experiment": "memory", "preset": "default", "config": train.to_json(config)}
    return train.fit(memory.build(config), config.train, folder, description=description)


def rows_of(folder):
    dropped = ("time", "step_ms", "wait_ms", "examples_per_s")
    return [
        {name: value for name, value in row.items() if name not in dropped}
        for row in train.read_rows(folder / "metrics.jsonl")
    ]


@pytest.mark.parametrize(("task", "kind"), [("copy", "feedforward"), ("parity", "elman_truncated")])
def test_each_task_is_trained_evaluated_and_shown(task, kind, tmp_path, capsys):
    own = tmp_path / "own"
    assert fit(config_of(task, kind), own).finished
    assert evaluate_script.main([str(own)]) == 0
    figures = json.loads((own / "metrics.json").read_text())
    assert set(figures) == {"distance_4", "distance_9", "learning"}
    assert 0 <= figures["distance_9"]["error"] < 3000
    assert ("reach" in figures["distance_9"]) == (kind != "feedforward")
    assert figures["learning"]["thousand_samples"] == 6 * 16 / 1000
    beside = json.loads((own / "baselines.json").read_text())
    assert beside["guessing"]["distance_4"]["error"] == memory.GUESSING[task]
    page = (own / "report" / "index.html").read_text()
    assert "Gradient by distance, at the start" in page
    assert memory.ERRORS[task][:30] in page
    assert "error" in capsys.readouterr().out


def test_a_run_that_was_stopped_goes_on_and_stands_beside_another(tmp_path):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    data = replace(SMALL, distances=(4,))
    fit(replace(config_of(), data=data), whole)
    for steps in (3, 6):
        fit(replace(config_of(steps=steps, horizon=6), data=data), resumed)
    # The mean loss of the three steps in between is told once, whoever stops there.
    assert [row for row in rows_of(resumed) if row["split"] == "validation"] == [
        row for row in rows_of(whole) if row["split"] == "validation"
    ]
    for folder in (resumed, whole):
        assert evaluate_script.main([str(folder)]) == 0
    first, second = (json.loads((f / "metrics.json").read_text()) for f in (whole, resumed))
    assert first == second
    assert "resumed (lstm)" in (whole / "report" / "index.html").read_text()
    assert (whole / "report" / "errors.png").exists()


def test_eight_devices_have_the_losses_of_one():
    config = replace(config_of("copy"), data=replace(SMALL, task="copy", distances=(4,)))
    check_two_by_four(memory.build, config, FIRST_STEPS)


def test_it_learns_to_add_two_numbers(tmp_path):
    config = config_of(steps=160, learning_rate=2e-2, evaluate_every=160)
    config = replace(config, data=replace(SMALL, distances=(4,), validation=200))
    assert fit(config, tmp_path / "run").best_figures["error"] < 0.5 * memory.GUESSING["adding"]


class Always:
    """Answers the same to everything."""

    def __init__(self, told):
        self.told = np.float32(told)

    def __call__(self, config, model, inputs):
        return np.tile(self.told, (len(inputs), 10 if config.data.task == "copy" else 1, 1))


@pytest.mark.parametrize(
    ("task", "told"), [("adding", [1]), ("copy", [0] * 7 + [1]), ("parity", [0, 1])]
)
def test_guessing_has_the_error_that_is_told(task, told, monkeypatch):
    """Exactly 1/6 for adding: the variance of two uniform numbers."""
    assert memory.GUESSING["adding"] == 1000 / 6
    monkeypatch.setattr(memory, "answer", Always(told))
    config = replace(config_of(task), data=replace(SMALL, task=task, test=8000))
    found = memory._error(config, None, "test", 9)
    scale = 1000 if task == "adding" else 100
    np.testing.assert_allclose(found / scale, memory.GUESSING[task] / scale, **DRAWN)


def test_errors_are_counted_right(monkeypatch):
    config = config_of("copy")
    targets = memory._samples(config.data, "test", 4)["targets"]
    right = np.eye(8, dtype=np.float32)[targets]
    monkeypatch.setattr(memory, "answer", lambda config, model, inputs: right)
    assert memory._error(config, None, "test", 4) == 0
    right[0, :4] = -right[0, :4]  # 4 of 400 symbols
    assert memory._error(config, None, "test", 4) == 1


def test_all_nets_see_the_same_samples_and_each_batch_is_of_one_distance():
    config = replace(config_of(), data=replace(SMALL, easier=(2,)))
    batches = memory.build(config).batches
    found = [batches.batch(number) for number in range(30)]
    assert {batch["inputs"].shape[1] for batch in found} == {2, 4, 9}
    other = memory.build(replace(config, model=MemoryNetConfig(kind="gru"))).batches
    for number, batch in enumerate(found):
        np.testing.assert_array_equal(other.batch(number)["inputs"], batch["inputs"])


def test_the_net_at_the_start_is_the_one_that_training_begins_with(tmp_path):
    config = config_of(steps=1, learning_rate=1e-30)
    config = replace(config, data=replace(SMALL, distances=(4,)))
    fit(config, tmp_path / "run")
    model, _ = train.restore(memory.build(config), tmp_path / "run", which="latest")
    start = memory.reach(config, memory.untrained(config))
    np.testing.assert_allclose(memory.reach(config, model), start, **FLOAT32)
    assert start.shape == (5,)
    assert start[0] == 0


def test_history_tells_after_how_many_samples_a_distance_was_first_solved():
    rows = [
        {"split": "validation", "step": 1000 * n, "error_4": error, "error_9": 3 * error}
        for n, error in enumerate([100.0, 9.0, 12.0, 3.0], 1)
    ]
    rows += [{"split": "train", "step": 10, "error_4": 0.0}, {"split": "validation", "step": 1}]
    learning = memory.history(config_of(), rows)["learning"]
    assert learning.pop("thousand_parameters") > 0
    assert learning == {"thousand_samples": 64.0, "to_solve_4": 32.0, "to_solve_9": 64.0}
    assert set(memory.history(config_of(), [])["learning"]) == {"thousand_parameters"}


def test_presets_survive_json_and_have_tasks():
    for preset in memory.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(memory.Config, json.loads(text)) == preset
        assert len(memory.build(preset).batches.shapes) >= 4


def test_no_distance_is_refused():
    with pytest.raises(ValueError, match="Name at least one distance"):
        memory.DataConfig(distances=())
