"""The captioning experiment and its scripts, from end to end on twelve coloured squares."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from data.coloured_squares import COLOURS, SIZE, load, split, square
from PIL import Image

from experiments import captioning
from nnarch import train
from nnarch.data.fetch import DataMissing
from scripts import caption as caption_script
from scripts import demo
from scripts import evaluate as evaluate_script


@pytest.fixture(scope="module", autouse=True)
def squares():
    """The data set of this file instead of the emoji."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioning.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    captioning.read.cache_clear()
    captioning.baselines.cache_clear()


CONFIG = captioning.Config(
    train=train.TrainConfig(
        steps=240,
        learning_rate=1e-2,
        warmup_steps=5,
        evaluate_every=120,
        checkpoint_every=120,
        mesh=train.MeshConfig(data=1),
    ),
    model=captioning.ShowAndTellConfig(
        hidden=16, embedding=16, widths=(8, 8), strides=(2, 2), dropout=0.0
    ),
    data=captioning.DataConfig(size=SIZE, batch_size=12),
    augmentation=captioning.AugmentationConfig(shift=1.0),
    decode=captioning.DecodeConfig(max_length=5, batch_size=8),
    label_smoothing=0.0,
)


@pytest.fixture(scope="module")
def workdir(squares, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "squares"
    description = {
        "experiment": "captioning",
        "preset": "default",
        "config": train.to_json(CONFIG),
    }
    result = train.fit(captioning.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(captioning.build(CONFIG), workdir)[0]


def test_it_learns_to_name_colours(model):
    figures = captioning.evaluate(CONFIG, model)
    assert list(figures) == ["test_composed", "test_new_artist", "test_new"]
    for each in figures.values():
        assert each["exact_match"] == each["exact_match_strict"] == 100
        assert {"bleu4", "cider"} <= set(each)


def test_captions_keep_the_order_of_pictures_over_batches(model):
    pictures = split(margin=2).pictures
    told = captioning.caption(CONFIG, model, pictures)
    assert captioning.caption(CONFIG, model, pictures[::-1]) == told[::-1]
    assert captioning.caption(CONFIG, model, pictures[3:4]) == told[3:4]


def test_greedy_and_beam_are_both_served(model):
    greedy = replace(CONFIG, decode=replace(CONFIG.decode, beam=1))
    assert captioning.evaluate(greedy, model)["test_new"]["exact_match"] == 100


def test_the_nearest_neighbour_stands_beside():
    (name, figures), *_ = captioning.baselines(CONFIG).items()
    assert "nearest neighbour" in name
    assert figures["test_composed"]["exact_match"] == 100


def test_one_artist_alone_is_trained_and_tested_on():
    config = replace(CONFIG.data, artists=("noto",))
    splits, _ = captioning.read(config)
    for name in ("train", "validation", "composed", "new"):
        assert set(splits[name].details["artist"]) == {"noto"}
    assert len(splits["new_artist"]) == 12


@pytest.mark.parametrize("picture_input", ["once", "every_step"])
def test_the_loss_is_counted_in_words(picture_input):
    config = replace(CONFIG, model=replace(CONFIG.model, picture_input=picture_input))
    task = captioning.build(config)
    batch = next(task.batches.iterator())
    model = task.create(jax.random.key(0))
    model.train()
    loss = task.loss(model, batch, jax.random.key(1))
    assert loss.weight == batch["lengths"].sum() == 12 * 3
    assert np.isfinite(loss.total)


def test_presets_survive_json():
    for preset in captioning.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(captioning.Config, json.loads(text)) == preset


def test_evaluate_writes_figures_and_a_report(workdir, capsys):
    assert evaluate_script.main([str(workdir), "--beam", "2"]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert figures["test_composed"]["exact_match"] == 100
    assert json.loads((workdir / "evaluation.json").read_text())["decode"]["beam"] == 2
    page = (workdir / "report" / "index.html").read_text()
    assert "green square" in page
    shown = capsys.readouterr().out
    assert "composed" in shown
    assert "index.html" in shown


@pytest.mark.parametrize("script", [evaluate_script, caption_script])
def test_a_folder_without_a_run_is_named(script, tmp_path, capsys):
    assert script.main([str(tmp_path / "nothing"), "picture.png"]) == 1
    message = capsys.readouterr().err
    assert "Nothing was trained in" in message
    assert "Name the folder of a run" in message


def test_a_run_of_another_version_is_refused(workdir, tmp_path, capsys):
    stored = json.loads((workdir / "config.json").read_text())
    stored["config"]["model"]["layers"] = 2
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert evaluate_script.main([str(tmp_path)]) == 1
    assert "another version" in capsys.readouterr().err


def test_data_that_is_absent_is_told(workdir, monkeypatch, capsys):
    def missing(*_, **__):
        raise DataMissing("expected the drawings of noto; found none. Fetch them.")

    monkeypatch.setattr(captioning.data, "load", missing)
    _forget()
    assert evaluate_script.main([str(workdir)]) == 1
    assert capsys.readouterr().err == (
        "error: expected the drawings of noto; found none. Fetch them.\n"
    )
    _forget()


@pytest.fixture
def files(tmp_path):
    """Pictures of other sizes and modes, all of a red square on white."""
    plain = Image.fromarray(square(COLOURS["red"], 3)).resize((64, 64), Image.Resampling.NEAREST)
    pixels = np.asarray(plain.convert("RGBA")).copy()
    pixels[np.all(pixels == 255, axis=-1)] = 0
    clear = Image.fromarray(pixels)
    wide = Image.new("RGB", (200, 64), "white")
    wide.paste(plain.resize((64, 64)), (68, 0))
    pictures = {
        "plain.png": plain,
        "clear.png": clear,
        "palette.gif": plain.convert("P"),
        "photo.jpg": plain,
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    (tmp_path / "notes.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes((tmp_path / "plain.png").read_bytes()[:60])
    return tmp_path


def test_caption_tells_files_of_any_mode_and_size(workdir, files, capsys):
    names = ["plain.png", "clear.png", "palette.gif", "photo.jpg"]
    assert caption_script.main([str(workdir), *(str(files / name) for name in names)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{files / name}: red square" for name in names]


def test_caption_names_what_is_no_picture_and_tells_the_others(workdir, files, capsys):
    names = ["notes.png", "plain.png", "absent.png", "cut.png"]
    assert caption_script.main([str(workdir), *(str(files / name) for name in names)]) == 1
    out, err = capsys.readouterr()
    assert out == f"{files / 'plain.png'}: red square\n"
    lines = err.splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, ["notes.png", "absent.png", "cut.png"], strict=True):
        assert line.startswith(f"error: {files / name}")


def test_a_picture_is_centred_on_white_whatever_its_shape(tmp_path):
    Image.new("LA", (40, 10), (0, 128)).save(tmp_path / "wide.png")
    picture = caption_script.read_picture(tmp_path / "wide.png", 8)
    assert picture.shape == (8, 8, 3)
    assert np.all(picture[[0, 1, 2, 5, 6, 7]] == 255)
    assert np.all(np.abs(picture[3:5].astype(int) - 127) <= 1)


def test_the_demo_is_said_to_be_finished_when_it_is(workdir, monkeypatch, capsys):
    monkeypatch.setattr(demo, "WORKDIR", workdir)
    monkeypatch.setattr(demo.train, "main", lambda arguments: 0)
    (workdir / "report").mkdir(exist_ok=True)
    (workdir / "report" / "index.html").touch()
    (workdir / "metrics.json").write_text('{"test_new": {"exact_match": 12.5}}')
    assert demo.main() == 0
    shown = capsys.readouterr().out
    assert "12.5" in shown
    assert "To start anew" in shown


def test_the_demo_passes_a_failure_on(monkeypatch):
    monkeypatch.setattr(demo.train, "main", lambda arguments: 130)
    assert demo.main() == 130


def test_figures_that_cannot_be_written_are_told(workdir, tmp_path, capsys):
    """A folder where a file is to be stands for a disk that takes none."""
    copy = tmp_path / "run"
    shutil.copytree(workdir, copy)
    (copy / "evaluation.json.tmp").mkdir()
    assert evaluate_script.main([str(copy)]) == 1
    said = capsys.readouterr()
    assert "exact match" in said.out
    assert "Cannot write" in said.err
