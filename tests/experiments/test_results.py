"""The figures that are kept: how they are added up, and that the README quotes them."""

import json
from pathlib import Path

import pytest

from nnarch import train
from scripts import registry, results

README = Path(__file__).parents[2] / "README.md"
CONFIGS = sorted(results.RESULTS.glob("**/config.json"))


def keep(folder, name, **exact_match):
    """Writes the metrics of one run."""
    target = folder / "captioning" / name
    target.mkdir(parents=True)
    figures = {f"test_{split}": {"exact_match": value} for split, value in exact_match.items()}
    (target / "metrics.json").write_text(json.dumps(figures))


def test_seeds_are_one_line_with_their_mean_and_range(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    keep(tmp_path, "default/seed0", composed=70.0, new_artist=40.0)
    keep(tmp_path, "default/seed1", composed=75.0, new_artist=41.0)
    keep(tmp_path, "one_artist/seed0", composed=60.0)
    lines = results.table("captioning").splitlines()
    assert lines[2].startswith("| default | 2 | 72.5 (70.0 to 75.0) | - | 40.5 (40.0 to 41.0) |")
    assert lines[3].startswith("| one artist | 1 | 60.0 | - | - |")


def test_a_mean_says_of_how_many_runs_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    keep(tmp_path, "default/seed0", composed=70.0)
    keep(tmp_path, "default/seed1", composed=75.0, new_artist=41.0)
    (line,) = results.table("captioning").splitlines()[2:]
    assert line.startswith("| default | 2 | 72.5 (70.0 to 75.0) | - | 41.0, 1 of 2 runs |")


def test_a_run_that_was_not_evaluated_is_not_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    assert results.main(["add", str(tmp_path), "default/seed0"]) == 1
    assert "scripts/evaluate.py" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def evaluated(folder, experiment):
    for name in results.KEPT:
        (folder / name).write_text("{}")
    config = {"experiment": experiment, "config": {"decode": {"beam": 3, "captioner": ""}}}
    config["config"]["train"] = {"steps": 9}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evaluation.json").write_text('{"step": 7, "steps": 9, "decode": {"beam": 3}}')
    (folder / "baselines.json").write_text("{}")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("evaluation.json", '{"step": 7, "decode": {"beam": 1}}', "Evaluate it again"),
        ("evaluation.json", '{"step": 7, "steps": 5, "decode": {"beam": 3}}', "trained further"),
        ("metrics.json", '{"a', "damaged"),
        ("config.json", "[]", "no figures"),
        ("config.json", "{}", "config.json is not that of a run"),
        ("baselines.json", '{"a', "damaged"),
    ],
)
def test_what_cannot_be_kept_is_told(tmp_path, monkeypatch, capsys, file, content, told):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    evaluated(tmp_path, "captioning")
    (tmp_path / file).write_text(content)
    assert results.main(["add", str(tmp_path), "default/seed0"]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_run_is_kept_nowhere_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    evaluated(tmp_path, "captioning")
    assert results.main(["add", str(tmp_path), "../../elsewhere"]) == 1
    assert "lies outside" in capsys.readouterr().err


def test_a_run_is_kept_with_its_configuration_and_its_baselines(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    evaluated(tmp_path, "captioning")
    (tmp_path / "baselines.json").write_text('{"chance alone": {"test_composed": {}}}')
    assert results.main(["add", str(tmp_path), "default/seed0"]) == 0
    kept = tmp_path / "results" / "captioning"
    assert {path.name for path in (kept / "default/seed0").iterdir()} == set(results.KEPT)
    assert json.loads((kept / "chance_alone/metrics.json").read_text()) == {"test_composed": {}}


@pytest.mark.parametrize("experiment", results.kept_experiments())
def test_the_readme_quotes_what_is_kept(experiment):
    assert results.table(experiment) in README.read_text()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_the_configuration_of_a_run_that_is_kept_can_still_be_read(path):
    kept = json.loads(path.read_text())
    default = registry.load(kept["experiment"]).PRESETS["default"]
    read = train.from_json(type(default), kept["config"])
    assert not {
        name: change
        for name, change in train.differences(kept["config"], train.to_json(read)).items()
        if change[0] is not None
    }


def test_a_default_on_other_data_adds_to_its_baselines(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    evaluated(tmp_path, "characters")
    for text in ("python", "bible"):
        figures = {"gzip": {f"test_{text}": {"bits": 1.96}}}
        (tmp_path / "baselines.json").write_text(json.dumps(figures))
        assert results.main(["add", str(tmp_path), f"default_{text}/seed0"]) == 0
    assert "| gzip | 1 | 1.960 | 1.960 |" in results.table("characters")
