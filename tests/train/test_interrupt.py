"""SIGTERM and Ctrl-C save and leave; a second one leaves at once, in a compile, too."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from train.tiny_task import busy, make_task

from nnarch.train import MeshConfig, TrainConfig, Workdir, fit, read_rows
from nnarch.train.interrupt import Interruption

SCRIPT = Path(__file__).with_name("tiny_run.py")
CONFIG = TrainConfig(steps=400, horizon=400, log_every=1, checkpoint_every=1000, mesh=MeshConfig(1))


def _send_after_rows(workdir, number, rows):
    def send():
        path = Workdir(workdir).metrics
        while not path.exists() or len(path.read_text().splitlines()) < rows:
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_saves_and_leaves_with_a_message(tmp_path, number, capfd):
    task = make_task(lengths=(4,), with_validation=False)
    before = signal.signal(number, signal.default_int_handler)  # not ignored, as under nohup
    try:
        _send_after_rows(tmp_path, number, 5)
        result = fit(task, CONFIG, tmp_path)
    finally:
        signal.signal(number, before)
    assert (result.finished, result.signal) == (False, number)
    assert 5 <= result.step < 400
    assert Workdir(tmp_path).checkpoints.joinpath(str(result.step)).exists()
    assert [row["step"] for row in read_rows(Workdir(tmp_path).metrics)][-1] == result.step
    told = capfd.readouterr()
    assert f"{signal.Signals(number).name}: saving and leaving" in told.err
    assert f"saved step {result.step}" in told.out
    assert "same command continues" in told.out


def test_goes_on_where_it_left(tmp_path):
    task = make_task(lengths=(4,), with_validation=False)
    config = TrainConfig(**{**CONFIG.__dict__, "steps": 60})
    _send_after_rows(tmp_path / "left", signal.SIGTERM, 5)
    assert not fit(task, config, tmp_path / "left").finished
    assert fit(task, config, tmp_path / "left").finished
    assert fit(task, config, tmp_path / "whole").finished
    losses = [
        [row["loss"] for row in read_rows(Workdir(tmp_path / name).metrics)]
        for name in ("left", "whole")
    ]
    assert losses[0] == losses[1]


def test_what_was_installed_before_is_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_outside_of_the_main_thread_it_catches_nothing():
    seen = []

    def enter():
        with Interruption() as interruption:
            seen.append(interruption.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [False]


def test_one_signal_in_a_compile_is_heard_when_that_is_over(tmp_path, capfd):
    def send():
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    def loss(*arguments):
        threading.Thread(target=send, daemon=True).start()
        return busy(1_000_000)(*arguments)

    result = fit(make_task(lengths=(4,), with_validation=False, loss=loss), CONFIG, tmp_path)
    assert (result.step, result.signal) == (1, signal.SIGTERM)
    assert "saving and leaving" in capfd.readouterr().err


def test_two_signals_in_a_compile_end_it_at_once(tmp_path):
    options = {"task": {"lengths": [4]}, "busy": 100_000_000}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path), json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "tracing" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert "saving and leaving" in err
    assert "saved" not in out


def test_a_run_under_nohup_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_goes_on_when_nobody_reads_it_any_more():
    talk = (
        "from nnarch.train.display import Display\n"
        "import sys, time\n"
        "display = Display(step=0, steps=9)\n"
        "for step in range(9):\n"
        "    display.show(step, loss=1.0, rate='1 a second', seconds_left=1)\n"
        "    sys.stdout.flush(), time.sleep(0.02)\n"
        "print('came to its end', file=sys.stderr)\n"
    )
    command = f'{sys.executable} -c "$TALK" | head -n 1'
    environment = {**os.environ, "TALK": talk}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.startswith("step 0/9")
    assert done.stderr == "came to its end\n"


def _signalled(*numbers, pause_s):
    """How a process ends that waits for a signal and is sent these."""
    waits = (
        "from nnarch.train.interrupt import Interruption\n"
        "import signal, time\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # not ignored, as under nohup
        "with Interruption() as asked:\n"
        "    print('waits', flush=True)\n"
        "    while not asked.requested: time.sleep(0.01)\n"
        "    time.sleep(2)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waits\n"
    for number in numbers:
        process.send_signal(number)
        time.sleep(pause_s)
    process.communicate(timeout=30)
    return process.returncode


def test_what_a_closed_terminal_sends_twice_is_one_request():
    """A shell passes SIGHUP on, and when it has ended the system sends it to the group."""
    for number in (signal.SIGHUP, signal.SIGTERM):
        assert _signalled(number, number, pause_s=0.001) == 0
        assert _signalled(number, number, pause_s=1) == 128 + number
    assert _signalled(signal.SIGINT, signal.SIGINT, pause_s=0.2) == 128 + signal.SIGINT
