"""A whole run in one process: what it leaves in its folder, and how it goes on from there."""

import contextlib
import gc
import json
import resource
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx
from tolerances import FIRST_STEPS
from train.tiny_task import make_task

from nnarch.train import (
    CheckpointError,
    DivergenceError,
    MeshConfig,
    MeshError,
    TrainConfig,
    Workdir,
    WorkdirError,
    fit,
    read_rows,
    restore,
)

CONFIG = TrainConfig(
    steps=20,
    warmup_steps=5,
    learning_rate=1e-2,
    log_every=5,
    evaluate_every=10,
    checkpoint_every=8,
    mesh=MeshConfig(1),
)


def losses(workdir, split="train"):
    rows = read_rows(Workdir(workdir).metrics)
    return {row["step"]: row["loss"] for row in rows if row["split"] == split}


def progress(workdir, step):
    path = Workdir(workdir).checkpoints / str(step) / "progress" / "metadata"
    return json.loads(path.read_text())["content"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that nothing interrupted, with two buckets, and what it returned."""
    workdir = tmp_path_factory.mktemp("straight")
    return workdir, fit(make_task(), CONFIG, workdir)


def test_leaves_everything_in_the_folder(straight):
    workdir, result = straight
    assert (result.step, result.finished, result.signal) == (20, True, None)
    assert {path.name for path in workdir.iterdir()} >= {
        "config.json",
        "versions.json",
        "metrics.jsonl",
        "events",
        "checkpoints",
    }
    row = next(read_rows(Workdir(workdir).metrics))
    assert {"step_ms", "wait_ms", "examples_per_s", "learning_rate", "gradient_norm"} <= set(row)
    assert {"loss", "large", "skipped", "time"} <= set(row)
    assert sorted(losses(workdir)) == [5, 10, 15, 20]
    assert sorted(losses(workdir, "validation")) == [10, 20]


def test_what_the_loss_counts_is_shown_as_the_rate(tmp_path, capsys):
    fit(replace(make_task(), unit="numbers"), CONFIG, tmp_path)
    row = next(read_rows(Workdir(tmp_path).metrics))
    assert row["numbers_per_s"] == pytest.approx(row["examples_per_s"])  # one a row, here
    assert " numbers/s" in capsys.readouterr().out


def test_a_run_keeps_its_files_and_refuses_others(tmp_path):
    task = replace(make_task(), files={"words": b"a b"})
    fit(task, CONFIG, tmp_path)
    assert (tmp_path / "files" / "words").read_bytes() == b"a b"
    restore(task, tmp_path)
    other = replace(task, files={"words": b"a c"})
    for use in (lambda: restore(other, tmp_path), lambda: fit(other, CONFIG, tmp_path)):
        with pytest.raises(WorkdirError, match="trained with other data"):
            use()
    assert (tmp_path / "files" / "words").read_bytes() == b"a b"


def test_one_lowering_a_bucket(straight):
    assert straight[1].lowerings == 2


def test_the_best_step_is_the_one_with_the_best_figure(straight):
    workdir, result = straight
    validation = losses(workdir, "validation")
    assert result.best_step == min(validation, key=validation.get)
    assert result.best_figures["loss"] == validation[result.best_step]
    assert result.figures["loss"] == validation[20]
    model, step = restore(make_task(), workdir)
    assert step == result.best_step
    assert make_task().validate(model) == result.best_figures


def test_restored_is_in_evaluation_mode_and_the_latest_can_be_asked_for(straight):
    workdir, result = straight
    model, step = restore(make_task(), workdir, which="latest")
    assert step == 20
    assert model.deterministic
    assert model.norm.use_running_average
    assert make_task().validate(model) == result.figures


def test_a_finished_run_says_so_and_how_to_start_anew(straight, capsys):
    workdir, first = straight
    again = fit(make_task(), CONFIG, workdir)
    assert again == replace(first, lowerings=0)
    assert "finished: 20 steps" in (told := capsys.readouterr().out)
    assert "--steps" in told
    assert "anew" in told


def test_a_longer_run_goes_on_as_if_it_had_been_long_from_the_start(tmp_path):
    task = make_task(lengths=(4,))
    fit(task, replace(CONFIG, steps=30, horizon=20), tmp_path / "whole")
    fit(task, CONFIG, tmp_path / "parts")
    fit(task, replace(CONFIG, steps=30), tmp_path / "parts")
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert progress(tmp_path / "parts", 30) == progress(tmp_path / "whole", 30)


def test_no_program_is_made_once_the_steps_have_begun(tmp_path):
    made, began = [], []

    def count(name, seconds, **_):
        if "backend_compile" in name and began:
            made.append(name)

    class Watched(type(make_task().batches)):
        """Tells when the fifth batch is drawn: by then two steps or more have run."""

        def batch(self, step):
            if step == 5:
                began.append(step)
            return super().batch(step)

    task = replace(make_task(with_validation=False), batches=Watched(lengths=(4,)))
    jax.monitoring.register_event_duration_secs_listener(count)
    try:
        fit(task, replace(CONFIG, steps=40, log_every=1), tmp_path)
    finally:
        jax.monitoring.clear_event_listeners()
    assert began
    assert not made


def test_several_updates_that_are_not_finite_stop_the_run(tmp_path):
    task = make_task(lengths=(4,), poison=range(12, 100))
    with pytest.raises(DivergenceError, match=r"Step 15: .* 3 times in a row.*is step 10 in"):
        fit(task, replace(CONFIG, max_skipped=3, checkpoint_every=5), tmp_path)
    _, step = restore(task, tmp_path, which="latest")
    assert step == 10


def test_a_few_that_are_not_finite_are_counted(tmp_path):
    result = fit(make_task(lengths=(4,), poison=(3, 7)), CONFIG, tmp_path)
    assert (result.finished, result.skipped) == (True, 2)
    assert all(np.isfinite(list(losses(tmp_path).values())))


@contextlib.contextmanager
def small_disk():
    """Files may have 12 kB, and those of a checkpoint want more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_loses_nothing(tmp_path):
    task = make_task(hidden=64, lengths=(4,), with_validation=False)
    fit(task, replace(CONFIG, horizon=20, steps=5), tmp_path / "a")
    with (
        small_disk(),
        pytest.raises(CheckpointError, match=r"File too large.*last good one is step 5"),
    ):
        fit(task, CONFIG, tmp_path / "a")
    gc.collect()  # drops what tensorstore could not write
    assert fit(task, CONFIG, tmp_path / "a").finished
    fit(task, CONFIG, tmp_path / "b")
    assert progress(tmp_path / "a", 20)["digests"] == progress(tmp_path / "b", 20)["digests"]


def test_another_run_in_the_folder_is_refused_and_unharmed(straight):
    workdir, _ = straight
    before = sorted(path.name for path in (workdir / "checkpoints").iterdir())
    with pytest.raises(WorkdirError, match=r"seed: 0 there, 1 now"):
        fit(make_task(), replace(CONFIG, seed=1), workdir)
    assert sorted(path.name for path in (workdir / "checkpoints").iterdir()) == before


def test_a_mesh_that_does_not_fit_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(MeshError, match="devices there are"):
        fit(make_task(), replace(CONFIG, mesh=MeshConfig(16)), tmp_path / "a")
    with pytest.raises(MeshError, match="rows cannot be shared"):
        fit(make_task(rows=12), replace(CONFIG, mesh=MeshConfig(8)), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_nothing_trained_there_is_told(tmp_path):
    with pytest.raises(WorkdirError, match="Nothing was trained"):
        restore(make_task(), tmp_path)


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    """Losses of the first 20 steps, each of them."""
    workdir = tmp_path_factory.mktemp("one")
    fit(make_task(lengths=(4,)), replace(CONFIG, log_every=1), workdir)
    return losses(workdir)


@pytest.mark.parametrize("mesh", [MeshConfig(8), MeshConfig(4, 2)])
def test_many_devices_give_the_loss_of_one(tmp_path, on_one_device, mesh):
    fit(make_task(lengths=(4,)), replace(CONFIG, log_every=1, mesh=mesh), tmp_path)
    many = losses(tmp_path)
    assert list(many) == list(range(1, 21))
    np.testing.assert_allclose(list(many.values()), list(on_one_device.values()), **FIRST_STEPS)


def test_a_run_goes_on_with_another_mesh(tmp_path, on_one_device):
    config = replace(CONFIG, horizon=20, log_every=1)
    fit(make_task(lengths=(4,)), replace(config, steps=10, mesh=MeshConfig(4, 2)), tmp_path)
    fit(make_task(lengths=(4,)), replace(config, mesh=MeshConfig(1)), tmp_path)
    many = losses(tmp_path)
    np.testing.assert_allclose(list(many.values()), list(on_one_device.values()), **FIRST_STEPS)


def test_the_average_is_what_is_evaluated(tmp_path):
    task = make_task(lengths=(4,))
    result = fit(task, replace(CONFIG, average=0.9), tmp_path)
    model, _ = restore(task, tmp_path, which="latest")
    assert task.validate(model) == result.figures


def test_profile_writes_a_trace(tmp_path):
    fit(make_task(lengths=(4,)), replace(CONFIG, steps=6, profile=True), tmp_path)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_works_without_reference_tracking(tmp_path):
    with nnx.set_graph_mode(False):
        result = fit(make_task(lengths=(4,)), CONFIG, tmp_path)
        restore(make_task(lengths=(4,)), tmp_path)
    assert result.finished


def test_a_best_figure_that_validate_does_not_give_is_named(tmp_path):
    task = replace(make_task(lengths=(4,)), best="bleu")
    with pytest.raises(ValueError, match=r"gave \['loss'\].*'bleu'"):
        fit(task, CONFIG, tmp_path)
