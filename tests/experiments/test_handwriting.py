"""The handwriting experiment and its scripts, from end to end on three shapes for three digits."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from leaving import status_of
from PIL import Image
from tolerances import FIRST_STEPS

from experiments import handwriting
from nnarch import train
from nnarch.data import digit_rows
from nnarch.data.digit_rows.style import Range, Style
from nnarch.data.mnist import Digits
from nnarch.models.column_reader import ColumnReader
from scripts import evaluate as evaluate_script
from scripts import read as read_script
from scripts import segment as segment_script


def shapes():
    """A ring for 0, a bar for 1, two lying bars for 2: each 20 pixels high, in 28x28."""
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[0, 4:24, 7:21] = 255
    pictures[0, 8:20, 11:17] = 0
    pictures[1, 4:24, 12:16] = 255
    pictures[2, 4:8, 7:21] = pictures[2, 20:24, 7:21] = 255
    return pictures


EVEN = Style(
    count=Range(1, 3),
    row_scale=Range(0.75, 0.8),
    digit_scale=Range(1, 1),
    row_slant=Range(0, 0),
    digit_slant=Range(0, 0),
    gap=Range(3, 5),
)


def split(rows=40, seed=0):
    labels = np.arange(30, dtype=np.int32) % 3
    return digit_rows.compose(Digits(shapes()[labels], labels), rows, EVEN, seed=(seed,))


def load(name, *, folder=None, splits=None):
    tests = {name: split(20, seed) for seed, name in enumerate(("validation", "rows", "harder"))}
    return {"train": split(400, seed=9), **tests}


@pytest.fixture(scope="module", autouse=True)
def three_shapes():
    """The data set of this file instead of MNIST's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handwriting.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    handwriting._read.cache_clear()
    handwriting.baselines.cache_clear()


CONFIG = handwriting.Config(
    train=train.TrainConfig(
        steps=250,
        learning_rate=1e-2,
        warmup_steps=10,
        evaluate_every=250,
        checkpoint_every=250,
        mesh=train.MeshConfig(data=1),
    ),
    model=handwriting.ModelConfig(
        mdlstm=handwriting.MDLSTMReaderConfig(
            block=(4, 4), hidden=(4, 8), patches=((4, 1),), features=(8,), dropout=0.0
        ),
        columns=handwriting.ColumnReaderConfig(columns=4, hidden=8, layers=1),
    ),
    data=handwriting.DataConfig(batch_size=8, buckets=1),
    decode=handwriting.DecodeConfig(beam=4, batch_size=16),
)
COLUMNS = replace(CONFIG, model=replace(CONFIG.model, kind="columns"))


@pytest.fixture(scope="module")
def workdir(three_shapes, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    description = {"experiment": "handwriting", "preset": "default"}
    description["config"] = train.to_json(CONFIG)
    assert train.fit(
        handwriting.build(CONFIG), CONFIG.train, folder, description=description
    ).finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(handwriting.build(CONFIG), workdir)[0]


def test_evaluate_writes_figures_and_a_report(workdir, monkeypatch, capsys):
    monkeypatch.setattr(handwriting, "SHOWN", 1)
    assert evaluate_script.main([str(workdir)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert list(figures) == ["test_rows", "test_harder"]
    for each in figures.values():
        assert each["cer"] < 10
        assert each["cer_beam"] < 10
        assert each["found"] > 80
    baselines = json.loads((workdir / "baselines.json").read_text())
    ((name, beside),) = baselines.items()
    assert "nearest" in name
    assert beside["test_rows"]["cer"] == 0  # nothing touches here
    page = (workdir / "report" / "index.html").read_text()
    assert "Digits never seen" in page
    assert "The worst errors" in page
    assert "cer" in capsys.readouterr().out


def test_rows_keep_their_order_over_batches(model):
    rows = split(seed=5)
    told = handwriting.read(CONFIG, model, rows, search="greedy")
    assert len(told) == len(rows)
    assert np.mean([each == text for each, text in zip(told, rows.texts, strict=True)]) > 0.8


def test_digits_are_found_in_their_order_where_they_stand(model):
    rows = split(seed=5)
    for row, aligned in enumerate(handwriting.align(CONFIG, model, rows)):
        found = aligned.places
        assert found.shape == rows.places_of(row).shape
        assert np.all(np.diff(found.ravel()) >= 0)
        assert found.max() < rows.width(row) + 4
        assert np.isfinite(aligned.log_prob)


def test_digits_that_do_not_fit_are_not_aligned(model):
    narrow = digit_rows.lay_out(
        [np.zeros((32, 8), np.uint8)], [np.ones(9, np.int32)], [np.zeros((9, 2), np.int32)]
    )
    (aligned,) = handwriting.align(CONFIG, model, narrow)
    assert aligned.log_prob == -np.inf
    assert handwriting._found([aligned], narrow) == 0


def test_what_cannot_be_aligned_is_left_out_of_the_loss_and_counted():
    task = handwriting.build(COLUMNS)
    batch = dict(next(task.batches.iterator()))
    model = task.create(jax.random.key(0))
    whole = task.loss(model, batch, jax.random.key(1))
    assert whole.weight == batch["label_lengths"].sum()
    assert whole.metrics["unaligned"] == (0, 8)
    batch["widths"] = batch["widths"].copy()
    batch["widths"][2] = 0
    part = task.loss(model, batch, jax.random.key(1))
    assert part.metrics["unaligned"][0] == 1
    assert part.weight == whole.weight - batch["label_lengths"][2]
    model.output.b[...] = jnp.full_like(model.output.b[...], jnp.nan)
    assert np.isnan(task.loss(model, batch, jax.random.key(1)).total)


def losses(folder, config, **mesh):
    """Of the first two steps."""
    training = replace(
        config.train, steps=2, horizon=60, log_every=1, mesh=train.MeshConfig(**mesh)
    )
    train.fit(replace(handwriting.build(config), validate=None), training, folder)
    rows = train.read_rows(folder / "metrics.jsonl")
    return [row["loss"] for row in rows if "loss" in row]


def test_two_steps_on_eight_devices_are_those_of_one(tmp_path):
    alone = losses(tmp_path / "one", CONFIG, data=1)
    shared = losses(tmp_path / "eight", CONFIG, data=2, model=4)
    assert len(alone) == 2
    assert alone[0] != alone[1]
    np.testing.assert_allclose(shared, alone, **FIRST_STEPS)


def test_the_other_kind_reads_columns():
    model = handwriting.build(COLUMNS).create(jax.random.key(0))
    assert isinstance(model, ColumnReader)
    assert len(handwriting.read(COLUMNS, model, split(3), search="greedy")) == 3


def test_presets_survive_json():
    for preset in handwriting.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(handwriting.Config, json.loads(text)) == preset


def drawn(digits, *, enlarged=4):
    """The shapes side by side, dark on light: a picture that a person might have drawn."""
    row = np.concatenate([shapes()[digit][:, 4:24] for digit in digits], axis=1)
    return Image.fromarray(255 - np.kron(row, np.ones((enlarged, enlarged), np.uint8)))


@pytest.fixture
def files(tmp_path):
    """The same digits in files of several kinds, and files that show none."""
    plain = drawn([0, 1, 2])
    pixels = np.zeros((*np.shape(plain), 4), np.uint8)
    pixels[..., 3] = 255 - np.asarray(plain)
    deep = Image.fromarray(np.asarray(plain).astype(np.uint16) * 200)
    coloured = Image.merge("RGB", [plain, plain.point(lambda _: 200), plain])
    pictures = {
        "plain.png": plain,
        "light.png": plain.point(lambda value: 255 - value),
        "clear.png": Image.fromarray(pixels),
        "deep.png": deep,
        "coloured.gif": coloured,
        "photo.jpg": plain,
        "small.png": drawn([0, 1, 2], enlarged=1),
        "blank.png": Image.new("L", (200, 80), 255),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    drawn([0, 1, 2]).save(
        tmp_path / "pages.tiff",
        save_all=True,
        append_images=[drawn([1]), Image.new("L", (99, 40), 255)],
    )
    (tmp_path / "notes.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes((tmp_path / "plain.png").read_bytes()[:60])
    return tmp_path


def test_read_reads_files_of_any_kind(workdir, files, capsys):
    kinds = ("plain.png", "light.png", "clear.png", "deep.png", "coloured.gif", "photo.jpg")
    names = [str(files / name) for name in (*kinds, "small.png")]
    assert read_script.main([str(workdir), *names]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name}: 012" for name in names]


def test_read_reads_every_picture_of_a_file(workdir, files, capsys):
    name = str(files / "pages.tiff")
    assert read_script.main([str(workdir), name]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{name}, picture 1: 012", f"{name}, picture 2: 1"]
    assert f"error: {name}, picture 3 cannot be read: there is nothing to be seen on it." in err


def test_read_names_what_shows_no_digits_and_reads_the_others(workdir, files, capsys):
    wrong = ("notes.png", "absent.png", "cut.png", "empty.png", "blank.png")
    names = [str(files / name) for name in (*wrong, "plain.png")]
    assert read_script.main([str(workdir), *names]) == 1
    out, err = capsys.readouterr()
    assert out == f"{names[-1]}: 012\n"
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(wrong)
    for line, name in zip(errors, names, strict=False):
        assert name in line


def test_help_and_no_pictures_print_how_to_use_it(capsys):
    assert status_of(read_script.main, "--help") == 0
    assert "\n$ read.py runs/a" in capsys.readouterr().out
    assert status_of(read_script.main, "runs/a") == 2
    assert "name one file or more" in capsys.readouterr().err


def test_scripts_refuse_runs_of_other_experiments(workdir, capsys):
    assert segment_script.main([str(workdir), "brain.nii.gz"]) == 1
    assert "expected a run of segmentation" in capsys.readouterr().err
