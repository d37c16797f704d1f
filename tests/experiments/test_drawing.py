"""The drawing experiment from end to end, in small."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from leaving import status_of
from PIL import Image
from sklearn.datasets import load_digits
from tolerances import FLOAT32
from train.two_steps import check_two_by_four

from experiments import _judge, drawing
from nnarch import train
from nnarch.data.mnist import Digits
from nnarch.models.align_draw import AlignDrawConfig
from scripts import draw as draw_script
from scripts import evaluate as evaluate_script

ONE_DEVICE = train.MeshConfig(data=1)
SPLITS = ("train", "validation", "test")
CAPTION = "the digit three is at the top left"


@pytest.fixture(autouse=True)
def digits(monkeypatch):
    """Small digits, as large as those of MNIST."""
    small = load_digits()
    pictures = np.pad((16 * small.images).clip(0, 255), [(0, 0), (10, 10), (10, 10)])
    whole = Digits(pictures.astype(np.uint8), small.target.astype(np.int32))
    splits = {name: whole[np.arange(k, 900, 3)] for k, name in enumerate(SPLITS)}
    for module in (_judge, drawing):
        monkeypatch.setattr(module, "read_digits", lambda folder: splits)
    monkeypatch.setattr(_judge, "TRAINING", replace(_judge.TRAINING, mesh=ONE_DEVICE))
    yield
    for cached in (_judge.judge, drawing._pictures, drawing.baselines):
        cached.cache_clear()


def config_of(folder, *, steps=2, words="align", digits=1):
    return drawing.Config(
        train=train.TrainConfig(
            steps=steps,
            learning_rate=1e-3,
            warmup_steps=2,
            evaluate_every=2,
            checkpoint_every=2,
            mesh=ONE_DEVICE,
        ),
        model=AlignDrawConfig(
            words=words,
            embedding=8,
            reader=8,
            hidden=16,
            steps=3,
            latents=4,
            read=4,
            write=4,
            attention=8,
        ),
        data=drawing.DataConfig(
            digits=digits, batch_size=8, validation=8, test=8, folder=str(folder)
        ),
        decode=drawing.DecodeConfig(batch_size=8, samples=16, judge=_judge.JudgeConfig(steps=2)),
    )


def fit(config, workdir):
    description = {"experiment": "drawing", "preset": "default", "config": train.to_json(config)}
    return train.fit(drawing.build(config), config.train, workdir, description=description)


def test_it_is_trained_evaluated_shown_and_draws(tmp_path, capsys):
    run = tmp_path / "run"
    assert fit(config_of(tmp_path), run).finished
    assert evaluate_script.main([str(run)]) == 0
    figures = json.loads((run / "metrics.json").read_text())
    assert set(figures) == {"test_seen", "test_unseen"}
    for found in figures.values():
        assert found["nats"] > found["kl"] >= 0
        assert 0 <= found["right"] <= min(found["digits_right"], found["place_right"]) <= 100
    page = (run / "report" / "index.html").read_text()
    assert "Step by step. Combinations never seen" in page
    assert [*(run / "report").glob("step-by-step*.png")]
    capsys.readouterr()
    _draws(run, tmp_path, capsys)


def _draws(run, folder, capsys):
    for ending, count in (("png", 1), ("gif", 3)):
        output = folder / f"out.{ending}"
        assert draw_script.main([str(run), CAPTION, str(output), "--count", str(count)]) == 0
        picture = Image.open(output)
        assert picture.size == (240 * count, 240)
        assert getattr(picture, "n_frames", 1) == (3 if ending == "gif" else 1)
    capsys.readouterr()
    assert draw_script.main([str(run), "a red heart", str(folder / "out.png")]) == 1
    assert "with 'a', 'red', 'heart'. The words are:" in capsys.readouterr().err
    assert draw_script.main([str(run), CAPTION, str(folder / "out.bmp")]) == 1
    assert ".png or .gif" in capsys.readouterr().err
    assert draw_script.main([str(folder), CAPTION, str(folder / "out.png")]) == 1
    assert "Nothing was trained" in capsys.readouterr().err
    assert status_of(draw_script.main, run) == 2
    assert status_of(draw_script.main, run, CAPTION, "out.png", "--count", 0) == 2
    assert "--count is from 1" in capsys.readouterr().err
    assert status_of(draw_script.main, "--help") == 0


def test_one_seed_draws_the_same_and_others_draw_others(tmp_path):
    config = config_of(tmp_path)
    task = drawing.build(config)
    model = task.create(drawing.jax.random.key(0))
    one, same, other = (
        drawing.draw(config, model, [CAPTION] * 2, seed=seed).canvases for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one[0] != one[1]).any()
    assert (one != other).any()


@pytest.mark.parametrize(("words", "digits"), [("last", 1), ("none", 1), ("align", 2)])
def test_every_net_draws_what_it_can_read(words, digits, tmp_path):
    config = config_of(tmp_path, words=words, digits=digits)
    task = drawing.build(config)
    model = task.create(drawing.jax.random.key(0))
    drawn, asked = drawing._samples(config, model, "unseen")
    assert drawn.pictures.shape == (16, 60, 60)
    assert len(asked[0]) == digits + 1
    assert drawn.shares.shape[2] == {"last": 1, "none": 0, "align": 11}[words]


def test_two_steps_on_eight_devices_are_those_of_one(tmp_path):
    check_two_by_four(drawing.build, config_of(tmp_path), FLOAT32)


def test_a_run_without_words_says_so(tmp_path, capsys):
    run = tmp_path / "run"
    fit(config_of(tmp_path, words="none"), run)
    assert draw_script.main([str(run), CAPTION, str(tmp_path / "out.png")]) == 0
    assert "without words" in capsys.readouterr().err


def test_who_is_told_to_stop_judges_nothing(tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    fit(config_of(tmp_path), run)
    monkeypatch.setattr(_judge.train, "fit", lambda *_: SimpleNamespace(finished=False))
    assert evaluate_script.main([str(run)]) == 130
    assert not (run / "metrics.json").exists()
    capsys.readouterr()
    assert status_of(evaluate_script.main, run, "--judge.steps", 0) == 2
    assert "steps has to be at least 1" in capsys.readouterr().err
