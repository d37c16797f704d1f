"""scripts/train.py: what it lists, what it refuses, and that a whole run goes through it."""

import ast
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnarch.data.fetch import DataMissing
from nnarch.train import Workdir
from scripts import registry, train

EXPERIMENT = '''"""Sums numbers with a recurrent cell.

Not for anything else.
"""

from dataclasses import dataclass
from typing import Annotated

import tyro
from train.tiny_task import make_task

from nnarch.train import MeshConfig, TrainConfig


@dataclass(frozen=True)
class ModelConfig:
    hidden: int = 8
    """Units of the cell."""


@dataclass(frozen=True)
class Config:
    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TrainConfig(
        steps=6, log_every=2, mesh=MeshConfig(data=1)
    )
    model: ModelConfig = ModelConfig()


PRESETS = {"default": Config(), "wide": Config(model=ModelConfig(hidden=12))}


def build(config, *, process_index=0, process_count=1):
    assert (process_index, process_count) == (0, 1)
    return make_task(hidden=config.model.hidden, seed=config.train.seed, lengths=(4,))
'''


@pytest.fixture(autouse=True)
def experiments(tmp_path, monkeypatch):
    folder = tmp_path / "registry" / "experiments"
    folder.mkdir(parents=True)
    (folder / "summing.py").write_text(EXPERIMENT)
    (folder / "_draft.py").write_text('"""Not to be listed."""')
    (folder / "broken.py").write_text('"""Cannot be imported, and need not be."""\n1 / 0\n')
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(registry, "FOLDER", folder)
    monkeypatch.setenv("NNARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_help_lists_the_experiments_without_importing_them(capsys):
    assert train.main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert "summing  Sums numbers with a recurrent cell." in listed
    assert "broken   Cannot be imported" in listed
    assert "_draft" not in listed
    assert train.main([]) == 2


def test_help_is_fast_since_it_imports_no_jax():
    script = Path(train.__file__)
    program = (
        f"import runpy, sys; sys.argv = ['train.py', '--help']\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except SystemExit: pass\nassert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_misspelt_experiment_is_met_with_the_nearest(capsys):
    assert train.main(["sumimng"]) == 2
    assert "Did you mean summing?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--stpes", "3"], "--steps"),
        (["--model.hiden", "3"], "--model.hidden"),
        (["--preset", "wdie"], "wide"),
        (["--schedule", "cosin"], "cosine"),
    ],
)
def test_a_misspelt_option_is_met_with_the_nearest(arguments, told, capsys):
    with pytest.raises(SystemExit) as leaving:
        train.main(["summing", *arguments])
    assert leaving.value.code == 2
    message = capsys.readouterr().err
    assert told in message
    assert "Traceback" not in message


def test_help_of_one_shows_its_options_and_the_defaults_of_the_preset(capsys):
    with pytest.raises(SystemExit) as leaving:
        train.main(["summing", "--preset", "wide", "--help"])
    assert leaving.value.code == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Sums numbers" in shown
    assert "--mesh.data" in shown
    assert "Units of the cell. (default: 12)" in shown


def test_what_cannot_be_is_a_short_error(capsys):
    assert train.main(["summing", "--steps", "0"]) == 2
    assert train.main(["summing", "--mesh.data", "64"]) == 2
    Path("file").touch()
    assert train.main(["summing", "--workdir", "file/run"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["error"] * 3
    assert "steps has to be at least 1" in told[0]
    assert "does not fit the 8 devices" in told[1]
    assert "Cannot write" in told[2]
    with pytest.raises(SystemExit) as left:
        train.main(["summing", "--mesh.model", "0"])
    assert left.value.code == 2
    assert "model has to be at least 1" in capsys.readouterr().err


def test_trains_continues_and_refuses(capsys):
    command = ["summing", "--seed", "1", "--model.hidden", "5", "--workdir", "runs/a"]
    assert train.main(command) == 0
    stored = Workdir("runs/a").read_config()
    assert (stored["experiment"], stored["preset"]) == ("summing", "default")
    assert stored["config"]["model"] == {"hidden": 5}
    assert stored["config"]["train"]["seed"] == 1
    assert train.main(command) == 0
    assert "finished: 6 steps" in capsys.readouterr().out.splitlines()[-1]
    assert train.main([*command, "--steps", "8"]) == 0
    assert "continuing from step 6" in capsys.readouterr().out
    assert train.main([*command, "--model.hidden", "6"]) == 2
    assert "model.hidden: 5 there, 6 now" in capsys.readouterr().err


def test_a_run_lies_under_its_experiment_by_default():
    assert train.main(["summing", "--preset", "wide"]) == 0
    stored = json.loads(Path("runs/summing/config.json").read_text())
    assert stored["config"]["model"] == {"hidden": 12}


@pytest.mark.parametrize("error", [DataMissing, ValueError])
def test_what_build_refuses_is_a_short_error(error, capsys, monkeypatch):
    def build(config, **_):
        raise error("openmoji is missing; fetch it with this command")

    monkeypatch.setattr(registry.load("summing"), "build", build)
    assert train.main(["summing"]) == 2
    assert capsys.readouterr().err == "error: openmoji is missing; fetch it with this command\n"


def test_a_model_that_cannot_be_is_a_short_error(capsys, monkeypatch):
    experiment = registry.load("summing")
    task = experiment.build(experiment.Config())

    def create(key):
        raise ValueError("expected a width and a stride for each stage")

    monkeypatch.setattr(
        experiment, "build", lambda config, **_: dataclasses.replace(task, create=create)
    )
    assert train.main(["summing"]) == 2
    assert capsys.readouterr().err == "error: expected a width and a stride for each stage\n"
    assert not (Path("runs") / "summing").exists()


def test_a_loss_that_cannot_be_is_told_before_a_folder_is_made(capsys, monkeypatch):
    experiment = registry.load("summing")
    task = experiment.build(experiment.Config())

    def loss(model, batch, key):
        raise ValueError("dropout has to be below 1; got 1.5")

    monkeypatch.setattr(experiment, "build", lambda *_, **__: dataclasses.replace(task, loss=loss))
    assert train.main(["summing", "--workdir", "runs/a"]) == 2
    assert "dropout has to be below 1" in capsys.readouterr().err
    assert not Path("runs/a").exists()


def test_an_experiment_that_lacks_what_training_needs_is_told(capsys):
    (registry.FOLDER / "half.py").write_text('"""Has presets alone."""\nPRESETS = {}\n')
    assert train.main(["half"]) == 2
    assert "experiments/half.py has no build" in capsys.readouterr().err


def test_the_first_line_of_an_experiment_is_a_sentence():
    folder = Path(train.__file__).resolve().parent.parent / "experiments"
    for path in folder.glob("[!_]*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())).partition("\n")[0].endswith(".")
