"""Folders made once, whole; the newest of versions; arrays that are written as they come."""

import multiprocessing
import time

import numpy as np
import pytest

from nnarch.data.prepared import made_once, newest_last, rows_written


def test_versions_are_numbers(tmp_path):
    paths = [tmp_path / version / "dataset_info.json" for version in ("1.10.0", "1.9.0", "2.0.0")]
    assert [path.parent.name for path in newest_last(paths)] == ["1.9.0", "1.10.0", "2.0.0"]


def test_what_a_killed_process_left_is_swept(tmp_path):
    (tmp_path / "making-half" / "whole").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    place = made_once(tmp_path / "set", lambda folder: (folder / "rows").write_text("all"))
    assert (place / "rows").read_text() == "all"
    assert not [*tmp_path.glob("making-*")]
    assert (tmp_path / "other").is_dir()


def test_what_fails_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "rows").write_text("some")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        made_once(tmp_path / "set", fail)
    assert not (tmp_path / "set").exists()
    assert not [*tmp_path.glob("making-*")]


def _make_slowly(place, counter):
    def write(folder):
        time.sleep(0.2)
        with counter.get_lock():
            counter.value += 1

    made_once(place, write)


def test_of_several_processes_one_makes_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    counter = context.Value("i", 0)
    group = [
        context.Process(target=_make_slowly, args=(tmp_path / "set", counter)) for _ in range(3)
    ]
    for process in group:
        process.start()
    for process in group:
        process.join(60)
    assert counter.value == 1
    assert (tmp_path / "set").is_dir()


@pytest.mark.parametrize("count", [0, 3, 1234])
def test_rows_become_an_array(tmp_path, count):
    rows = np.random.default_rng(0).integers(0, 256, (count, 2, 3), np.uint8)
    with rows_written(tmp_path / "rows.npy", (2, 3)) as add:
        for row in rows:
            add(row)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), rows)
    if count:
        np.testing.assert_array_equal(np.load(tmp_path / "rows.npy", mmap_mode="r"), rows)
