"""Whose run a folder is: what may change between two calls, and what may not."""

import json
from dataclasses import replace

import pytest

from nnarch.train import MeshConfig, TrainConfig, Workdir, WorkdirError

CONFIG = TrainConfig(steps=100)
OPTIONS = {"model": {"hidden": 8}, "data": {"rows": 16}}


def claim(path, config=CONFIG, options=OPTIONS, experiment="tiny", preset="default"):
    description = {"experiment": experiment, "preset": preset, "config": options}
    return Workdir(path).claim(config, description)


def test_writes_the_resolved_options_and_the_versions(tmp_path):
    assert claim(tmp_path).horizon == 100
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["experiment"] == "tiny"
    assert stored["config"]["model"] == {"hidden": 8}
    assert stored["config"]["train"]["horizon"] == 100
    versions = json.loads((tmp_path / "versions.json").read_text())
    assert {"python", "jax", "flax", "nnarch", "device"} <= set(versions)


def test_length_mesh_logging_and_profiling_may_change(tmp_path):
    claim(tmp_path)
    other = replace(
        CONFIG, steps=300, mesh=MeshConfig(4, 2), log_every=1, profile=True, checkpoint_every=7
    )
    assert claim(tmp_path, other).horizon == 100  # the schedule's horizon stays
    assert json.loads((tmp_path / "config.json").read_text())["config"]["train"]["steps"] == 300


def test_other_versions_than_before_are_told(tmp_path, caplog):
    claim(tmp_path)
    claim(tmp_path)
    assert not caplog.records
    versions = json.loads((tmp_path / "versions.json").read_text())
    (tmp_path / "versions.json").write_text(json.dumps({**versions, "jax": "0.0.1"}))
    claim(tmp_path)
    assert f"jax was 0.0.1 and is {versions['jax']}" in caplog.text


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"config": replace(CONFIG, seed=1)}, r"train\.seed: 0 there, 1 now"),
        ({"config": replace(CONFIG, learning_rate=0.5)}, r"train\.learning_rate: 0\.001 there"),
        ({"config": replace(CONFIG, horizon=50)}, r"train\.horizon: 100 there, 50 now"),
        ({"config": replace(CONFIG, precision="bfloat16")}, r"train\.precision"),
        ({"options": {**OPTIONS, "model": {"hidden": 9}}}, r"model\.hidden: 8 there, 9 now"),
        ({"options": {**OPTIONS, "data": {"rows": 32}}}, r"data\.rows: 16 there, 32 now"),
        ({"experiment": "other"}, r"experiment: 'tiny' there, 'other' now"),
    ],
)
def test_another_run_is_refused_with_the_difference(tmp_path, change, shown):
    claim(tmp_path)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(WorkdirError, match=shown) as refusal:
        claim(tmp_path, **change)
    assert "--workdir" in str(refusal.value)
    assert (tmp_path / "config.json").read_text() == before


def test_damaged_versions_are_written_anew(tmp_path):
    claim(tmp_path)
    versions = (tmp_path / "versions.json").read_text()
    (tmp_path / "versions.json").write_text(versions[:20])
    claim(tmp_path)
    assert (tmp_path / "versions.json").read_text() == versions


@pytest.mark.parametrize("content", ['{"experi', "[]", "{}", '{"experiment": "a", "config": null}'])
def test_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WorkdirError, match=r"config\.json is damaged"):
        claim(tmp_path)


def test_checkpoints_without_a_config_are_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(WorkdirError, match=r"checkpoints but no config\.json"):
        claim(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(WorkdirError, match=r"Cannot write .*another --workdir"),
        Workdir(tmp_path / "file" / "run").locked(),
    ):
        pass


def test_two_runs_cannot_share_a_folder(tmp_path):
    with (
        Workdir(tmp_path).locked(),
        pytest.raises(WorkdirError, match="Another process trains"),
        Workdir(tmp_path).locked(),
    ):
        pass
    with Workdir(tmp_path).locked():
        pass


def test_fewer_steps_than_were_made_are_refused_and_nothing_is_written(tmp_path):
    claim(tmp_path)
    (tmp_path / "checkpoints" / "100").mkdir(parents=True)
    with pytest.raises(WorkdirError, match="at step 100, and --steps 60 is fewer"):
        claim(tmp_path, replace(CONFIG, steps=60))
    assert json.loads((tmp_path / "config.json").read_text())["config"]["train"]["steps"] == 100
    claim(tmp_path)
