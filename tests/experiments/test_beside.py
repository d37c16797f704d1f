"""Which runs stand beside one in its report."""

import json
from dataclasses import dataclass

import pytest

from experiments._beside import runs_beside, runs_on


@dataclass(frozen=True)
class DataConfig:
    name: str = "digits"
    size: int = 4
    test: int = 10
    validation: int = 5


@pytest.fixture
def workdir(tmp_path):
    """A run, and others in folders beside it."""
    of_data = {
        "own": {},
        "alike": {"validation": 7, "folder": "elsewhere"},
        "larger": {"size": 8},
        "tested_more": {"test": 20},
        "unfinished": {},
    }
    for name, change in of_data.items():
        folder = tmp_path / name
        folder.mkdir()
        data = {"name": "digits", "size": 4, "test": 10, "validation": 5, **change}
        config = {"data": data, "model": {"kind": f"kind of {name}"}}
        (folder / "config.json").write_text(json.dumps({"experiment": "e", "config": config}))
        if name != "unfinished":
            (folder / "metrics.json").write_text('{"test": {"error": 1.0}}')
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "config.json").write_text('{"experiment": "other"}')
    (tmp_path / "a file").touch()
    return tmp_path / "own"


def test_runs_on_the_same_data_stand_beside(workdir):
    assert [name for name, _ in runs_on(DataConfig(), workdir)] == ["alike", "unfinished"]
    found = runs_on(DataConfig(), workdir, whatever=("test",))
    assert [name for name, _ in found] == ["alike", "tested_more", "unfinished"]


def test_figures_stand_beside_by_what_tells_runs_apart(workdir):
    found = runs_beside(DataConfig(), workdir, option="kind")
    assert found == {"alike (kind of alike)": {"test": {"error": 1.0}}}
