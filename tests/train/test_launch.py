"""Two processes as one run: the loss of one, ended together, leaving together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tolerances import FIRST_STEPS
from train.tiny_task import make_task

from nnarch.train import MeshConfig, TrainConfig, Workdir, fit, read_rows

HERE = Path(__file__).parent
LAUNCH = HERE.parent.parent / "scripts" / "launch.py"
OPTIONS = {"task": {"lengths": [4]}, "steps": 100_000, "horizon": 20, "log_every": 1}
ALONE = TrainConfig(
    steps=20, log_every=1, warmup_steps=5, learning_rate=1e-2, average=0.9, mesh=MeshConfig(1)
)


@pytest.fixture
def environment(tmp_path):
    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }


def start(workdir, environment):
    command = [sys.executable, str(LAUNCH), "--processes", "2", str(HERE / "tiny_run.py")]
    return subprocess.Popen(
        [*command, str(workdir), json.dumps(OPTIONS)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def losses(workdir):
    rows = read_rows(Workdir(workdir).metrics)
    return [row["loss"] for row in rows if row["split"] == "train"]


def wait_until(holds):
    deadline = time.monotonic() + 120
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)


def second_of(launcher):
    """The process of index 1 among the launcher's children."""
    for child in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split():
        if b"NNARCH_PROCESS_INDEX=1" in Path(f"/proc/{child}/environ").read_bytes():
            return int(child)
    raise LookupError("the launcher has no second child")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds a child through /proc")
def test_a_group_dies_leaves_and_ends_together_with_the_loss_of_one(tmp_path, environment):
    workdir = tmp_path / "two"

    dying = start(workdir, environment)
    wait_until((workdir / "checkpoints" / "3").exists)
    os.kill(second_of(dying), signal.SIGKILL)
    _, told = dying.communicate(timeout=30)
    assert dying.returncode == 128 + signal.SIGKILL
    assert "process 1 ended with status -9" in told

    leaving = start(workdir, environment)
    wait_until(lambda: len(losses(workdir)) >= 20)
    leaving.send_signal(signal.SIGTERM)
    said, told = leaving.communicate(timeout=60)
    assert leaving.returncode == 128 + signal.SIGTERM, told
    assert "continuing from step" in said
    assert said.count("saved step") == 1  # one of them speaks for both
    assert (workdir / "checkpoints" / str(len(losses(workdir)))).exists()

    fit(make_task(lengths=(4,), with_validation=False), ALONE, tmp_path / "one")
    np.testing.assert_allclose(losses(workdir)[:20], losses(tmp_path / "one"), **FIRST_STEPS)


def test_a_launcher_without_a_script_says_so():
    result = subprocess.run([sys.executable, str(LAUNCH)], capture_output=True, text=True)
    assert result.returncode == 2
    assert "give a script" in result.stderr
