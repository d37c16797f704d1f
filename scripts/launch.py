"""Runs a script as several processes of this machine, as one group.

$ launch.py --processes 2 scripts/train.py captioning --workdir runs/a

The processes find each other by variables that this script sets; a script joins them with
`nnarch.train.initialise()`. When one dies the others are ended, since they would wait for it;
SIGTERM, Ctrl-C and the end of a terminal are passed on, so that the group saves and leaves.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time

_PATIENCE_S = 120.0  # for the others to leave, once one has left as it was asked to


def main(arguments: list[str]) -> int:
    """Starts the group and waits for it; returns the first status that is not 0."""
    options = _parse(arguments)
    group = _start(options.processes, options.devices, [sys.executable, *options.command])
    asked = _pass_signals_on(group)
    return _watch(group, asked)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="launch.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=2, help="how many (default: 2)")
    parser.add_argument(
        "--devices", type=int, default=1, help="simulated devices of each, on a CPU (default: 1)"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a script and its arguments")
    options = parser.parse_args(arguments)
    if not options.command or options.processes < 1:
        parser.error("give a script to run, and at least one process")
    return options


def _start(processes: int, devices: int, command: list[str]) -> list[subprocess.Popen]:
    """Each in a session of its own: Ctrl-C then reaches them once, through this process."""
    from nnarch.train import distributed

    group = {
        distributed.COORDINATOR: f"127.0.0.1:{_free_port()}",
        distributed.PROCESS_COUNT: str(processes),
        "JAX_NUM_CPU_DEVICES": str(devices),
    }
    return [
        subprocess.Popen(
            command,
            env={**os.environ, **group, distributed.PROCESS_INDEX: str(index)},
            start_new_session=True,
        )
        for index in range(processes)
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _pass_signals_on(group: list[subprocess.Popen]) -> list[int]:
    """Returns a list to which each signal received is appended."""
    asked: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        asked.append(number)
        for process in group:
            if process.poll() is None:
                process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(number, pass_on)
    return asked


def _watch(group: list[subprocess.Popen], asked: list[int]) -> int:
    while any(process.poll() is None for process in group):
        failed = [i for i, process in enumerate(group) if process.poll() not in (None, 0)]
        if failed:
            return _end(group, failed[0], patience_s=_PATIENCE_S if asked else 0)
        time.sleep(0.1)
    return next((_status(process.returncode) for process in group if process.returncode), 0)


def _end(group: list[subprocess.Popen], failed: int, *, patience_s: float) -> int:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and any(process.poll() is None for process in group):
        time.sleep(0.1)
    status = group[failed].returncode
    left = [process for process in group if process.poll() is None]
    for process in left:
        process.kill()
        process.wait()
    if left:
        print(
            f"launch.py: process {failed} ended with status {status}, so the {len(left)} others "
            "were ended. The same command continues from the last checkpoint.",
            file=sys.stderr,
        )
    return _status(status)


def _status(returncode: int) -> int:
    """As a shell has it: 128 and the signal, where one ended the process."""
    return returncode if returncode > 0 else 128 - returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
