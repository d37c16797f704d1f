"""metrics.jsonl and the events tell the same, and forget what comes after a restart's step."""

import json
import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from nnarch.train import Workdir, WorkdirError, read_rows
from nnarch.train.log import Log


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path)


def read_events(workdir):
    """(tag, step, value) of every scalar, by the format: length, its CRC, data, CRC of that."""
    (path,) = workdir.events.glob("*.tfevents.*")
    data, found, place = path.read_bytes(), [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = Event.FromString(data[place + 12 : place + 12 + length])
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        place += 16 + length
    return found


def _write(workdir, steps, *, start=0):
    with Log(workdir, step=start) as log:
        for step in steps:
            log.write(step, "train", {"loss": step / 2, "norm": 1})
        log.write(steps[-1], "validation", {"loss": 0.25})


def test_rows_and_events_agree(workdir):
    _write(workdir, [5, 10])
    rows = list(read_rows(workdir.metrics))
    assert [(row["step"], row["split"], row["loss"]) for row in rows] == [
        (5, "train", 2.5),
        (10, "train", 5.0),
        (10, "validation", 0.25),
    ]
    assert read_events(workdir) == [
        ("train/loss", 5, 2.5),
        ("train/norm", 5, 1.0),
        ("train/loss", 10, 5.0),
        ("train/norm", 10, 1.0),
        ("validation/loss", 10, 0.25),
    ]


def test_rows_past_the_restored_step_are_dropped_from_both(workdir):
    _write(workdir, [5, 10, 15])
    _write(workdir, [10, 15, 20], start=5)
    assert [row["step"] for row in read_rows(workdir.metrics)] == [5, 10, 15, 20, 20]
    assert [step for tag, step, _ in read_events(workdir) if tag == "train/loss"] == [5, 10, 15, 20]


def test_a_line_that_a_kill_cut_short_goes(workdir):
    _write(workdir, [5])
    with open(workdir.metrics, "a") as file:
        file.write('{"step": "a", "time": 1.0, "split": "train"}\n{"step": 5}\n')
        file.write('{"step": 5, "split": "tr')
    _write(workdir, [10], start=5)
    lines = workdir.metrics.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 5, 10, 10]


def test_what_is_not_finite_becomes_null(workdir):
    with Log(workdir, step=0) as log:
        log.write(1, "train", {"loss": float("nan"), "norm": float("inf"), "rate": 1.0})
    (row,) = read_rows(workdir.metrics)
    assert (row["loss"], row["norm"], row["rate"]) == (None, None, 1.0)
    assert read_events(workdir) == [("train/rate", 1, 1.0)]


def test_a_full_disk_is_told_with_the_remedy(workdir):
    class Full:
        def write(self, text):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    with Log(workdir, step=0) as log:
        rows, log._rows = log._rows, Full()
        rows.close()
        with pytest.raises(WorkdirError, match=r"No space left.*Free some space"):
            log.write(1, "train", {"loss": 1.0})
