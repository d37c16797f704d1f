"""SIGKILL at any moment, and the same command again: a run that nothing shows to have died."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnarch.train import Workdir, read_rows

SCRIPT = Path(__file__).with_name("tiny_run.py")
MOMENTS = ["compiling", "saving", "saved", "evaluated", 1.0]
TIMES = {"time", "step_ms", "wait_ms", "examples_per_s"}


def run(workdir, cache=None, **options):
    command = [sys.executable, str(SCRIPT), str(workdir), json.dumps(options)]
    kept = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    if cache is not None:
        kept["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    return subprocess.run(
        command, env={**os.environ, **kept}, capture_output=True, text=True, check=False
    )


def last(workdir):
    """Digests of every leaf at the last step, and all that is remembered beside the arrays."""
    path = Workdir(workdir).checkpoints / "40" / "progress" / "metadata"
    return json.loads(path.read_text())["content"]


def rows(workdir):
    found = read_rows(Workdir(workdir).metrics)
    return [{name: row[name] for name in row if name not in TIMES} for row in found]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run never killed, and one killed at every moment in turn.

    The first compiles; the lives of the second find the programs of those before them.
    """
    root = tmp_path_factory.mktemp("kill")
    whole, killed = run(root / "whole"), run(root / "killed", root / "cache", lives=MOMENTS)
    assert whole.returncode == 0, whole.stderr
    assert killed.returncode == 0, killed.stderr
    return root, killed.stdout


def test_ends_with_the_same_state_to_the_bit(folders):
    root, told = folders
    assert told.count(": killed") >= 4
    assert "continuing from step" in told
    assert last(root / "killed") == last(root / "whole")


def test_ends_with_the_same_log_and_the_same_best_step(folders):
    root, _ = folders
    assert rows(root / "killed") == rows(root / "whole")
    assert last(root / "killed")["progress"]["best"] == last(root / "whole")["progress"]["best"]


def test_leaves_no_rubbish(folders):
    root, _ = folders
    whole, killed = (
        {path.name for path in Workdir(root / name).checkpoints.iterdir()}
        for name in ("whole", "killed")
    )
    assert killed == whole
