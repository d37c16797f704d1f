"""Trains the tiny task in a process of its own: tiny_run.py WORKDIR [options as JSON].

"busy" makes tracing the loss long. With "lives" among the options, kills itself as often: each
life is forked from this process, which has imported everything and started no device, and ended
by SIGKILL at the moment named. The last one runs to its end.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from tiny_task import busy, make_task

from nnarch import train

CONFIG = {
    "steps": 40,
    "log_every": 5,
    "evaluate_every": 10,
    "checkpoint_every": 3,
    "warmup_steps": 5,
    "learning_rate": 1e-2,
    "average": 0.9,
}


def run(workdir, options):
    options = dict(options)
    task_options = options.pop("task", {})
    if rounds := options.pop("busy", 0):
        task_options["loss"] = busy(rounds)
    mesh = train.MeshConfig(**options.pop("mesh", {}))
    config = train.TrainConfig(**{**CONFIG, **options}, mesh=mesh)
    train.initialise()
    part = train.feed(train.make_mesh(mesh))
    task = make_task(index=part.index, count=part.count, **task_options)
    result = train.fit(task, config, workdir)
    return 0 if result.finished else 128 + result.signal


def live(workdir, options, moment):
    """Forks a life and kills it at `moment`; returns whether it ran to its end."""
    child = os.fork()
    if child == 0:
        os._exit(run(workdir, options))
    began = time.monotonic()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if _has_come(workdir, moment, time.monotonic() - began):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
    return True


def _has_come(workdir, moment, seconds):
    match moment:
        case "compiling":
            return (workdir / "config.json").exists()
        case "saving":
            return any((workdir / "checkpoints").glob("*tmp*"))
        case "saved":
            return any(path.name.isdigit() for path in (workdir / "checkpoints").glob("*"))
        case "evaluated":
            path = workdir / "metrics.jsonl"
            return path.exists() and "validation" in path.read_text()
        case float():
            return seconds > moment
    return False


def main(workdir, options):
    workdir = Path(workdir)
    for moment in options.pop("lives", []):
        ended = live(workdir, options, moment)
        print(f"{moment}: {'ended by itself' if ended else 'killed'}", flush=True)
    return run(workdir, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")))
