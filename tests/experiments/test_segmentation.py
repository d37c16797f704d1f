"""The segmentation experiment and its script, from end to end on a ball of three tissues."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from leaving import status_of
from tolerances import FIRST_STEPS, FLOAT32_DEEP
from train.two_steps import check_two_by_four

from experiments import segmentation
from nnarch import train
from nnarch.data import brain
from scripts import evaluate as evaluate_script
from scripts import segment as segment_script

SIDE = 20


def ball(millimetres=2):
    """White within grey within fluid, of 20 x 22 x 20 voxels."""
    shape = (SIDE, SIDE + 2, SIDE)
    middle = np.array(shape)[:, None, None, None] / 2 - 0.5
    far = np.linalg.norm(np.indices(shape) - middle, axis=0)
    white, grey = (far < 6).astype(np.float32), ((far >= 6) & (far < 8)).astype(np.float32)
    picture = white + 0.65 * grey + 0.3 * ((far >= 8) & (far < 9.5))
    return brain.from_maps(picture.astype(np.float32), grey, white, 1)


CONFIG = segmentation.Config(
    train=train.TrainConfig(
        steps=120,
        learning_rate=1e-2,
        warmup_steps=5,
        evaluate_every=60,
        checkpoint_every=60,
        log_every=10,
        mesh=train.MeshConfig(data=1),
    ),
    pyramid=segmentation.PyramidLSTMConfig(hidden=(4,), dense=6),
    unet=segmentation.UNetConfig(widths=(4, 6)),
    data=segmentation.DataConfig(size=12, margin=2, batch_size=4, validation=8),
    drawing=segmentation.DrawingConfig(bend=0.5, in_order=1.0, noise=0.1, bias=0.1),
    decode=segmentation.DecodeConfig(step=8, batch_size=8),
)


@pytest.fixture(scope="module", autouse=True)
def balls():
    """The data of this file instead of the brain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmentation.data, "load", ball)
        patch.setattr(segmentation, "SMOOTHINGS", (0.0,))
        _forget()
        yield
    _forget()


def _forget():
    for cached in (segmentation._read, segmentation._scans, segmentation.baselines):
        cached.cache_clear()


@pytest.fixture(scope="module")
def workdir(balls, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "ball"
    description = {"experiment": "segmentation", "preset": "default"}
    description["config"] = train.to_json(CONFIG)
    result = train.fit(segmentation.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    assert set(result.figures) == {"dice", "dice_clean", "dice_degraded"}
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(segmentation.build(CONFIG), workdir)[0]


def test_it_learns_the_tissues_from_drawn_volumes_alone(model):
    figures = segmentation.evaluate(CONFIG, model)
    assert list(figures) == ["test_clean", "test_degraded"]
    assert figures["test_clean"]["dice"] > 75
    assert figures["test_clean"]["dice_white"] > 85
    assert figures["test_degraded"]["dice"] > 65


def test_mixtures_of_gaussians_stand_beside():
    ((name, figures),) = segmentation.baselines(CONFIG).items()
    assert name == "Gaussian mixture"
    assert figures["test_clean"]["dice"] == 100  # its brightnesses are three numbers
    assert figures["test_degraded"]["dice"] < 100


def test_a_volume_over_eight_devices_is_that_of_one(model):
    picture = ball().picture
    found = segmentation.probabilities(CONFIG, model, picture)
    with pytest.MonkeyPatch.context() as patch:
        alone = train.make_mesh(train.MeshConfig(data=1))
        patch.setattr(segmentation, "make_mesh", lambda config: alone)
        expected = segmentation.probabilities(CONFIG, model, picture)
    assert found.shape == (*picture.shape, 4)
    np.testing.assert_allclose(found, expected, **FLOAT32_DEEP)
    np.testing.assert_allclose(found.sum(axis=-1), 1, **FLOAT32_DEEP)


def test_neither_brightness_nor_room_around_changes_what_is_found(model):
    picture = ball().picture
    found = segmentation.segment(CONFIG, model, picture)
    np.testing.assert_array_equal(segmentation.segment(CONFIG, model, 4000 * picture), found)
    small = picture[5:15, 4:18, 5:15]  # smaller than a block
    assert segmentation.segment(CONFIG, model, small).shape == small.shape


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    check_two_by_four(segmentation.build, CONFIG, FIRST_STEPS)


def test_validation_and_tests_are_never_drawn_from_a_run_s_seed():
    shares = segmentation.build(CONFIG).validate.args[1]
    other = replace(CONFIG, train=replace(CONFIG.train, seed=7))
    np.testing.assert_array_equal(segmentation.build(other).validate.args[1], shares)


def test_presets_survive_json():
    for preset in segmentation.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(segmentation.Config, json.loads(text)) == preset


def test_evaluate_writes_figures_and_a_report(workdir, capsys):
    assert evaluate_script.main([str(workdir)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    for title, split, figure in segmentation.QUOTED:
        assert figures[split][figure] > 0, title
    page = (workdir / "report" / "index.html").read_text()
    assert "With noise and a bias field" in page
    assert "white matter" in page
    assert (workdir / "report" / "slices-the-t1-picture.png").exists()
    assert "dice white" in capsys.readouterr().out


def save(path, values, affine):
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return str(path)


def test_segment_writes_labels_with_the_affine_of_any_file(workdir, model, tmp_path, capsys):
    scan = ball()
    plain = save(tmp_path / "plain.nii.gz", scan.picture, np.diag([2, 2, 2, 1]))
    affine = np.array([[0, 0, -2, 9], [0, -2, 0, 8], [2, 0, 0, -3], [0, 0, 0, 1]], float)
    turned = np.transpose(scan.picture[::-1, ::-1], (2, 1, 0))[..., None]
    other = save(tmp_path / "turned.nii", (900 * turned).astype(np.int16), affine)
    assert segment_script.main([str(workdir), plain, other]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(plain)
    assert "white matter 9 ml" in first
    assert second.endswith(str(tmp_path / "turned_tissues.nii.gz"))
    expected = segmentation.segment(CONFIG, model, scan.picture)
    found = nibabel.load(tmp_path / "plain_tissues.nii.gz")
    np.testing.assert_array_equal(found.dataobj, expected)
    found = nibabel.load(tmp_path / "turned_tissues.nii.gz")
    np.testing.assert_array_equal(found.affine, affine)
    back = np.transpose(found.dataobj, (2, 1, 0))[::-1, ::-1]
    assert np.mean(back == expected) > 0.99  # its brightnesses were rounded


def test_segment_resamples_what_is_no_cube(workdir, tmp_path):
    fine = np.repeat(ball().picture, 2, axis=0)
    name = save(tmp_path / "fine.nii.gz", fine, np.diag([1, 2, 2, 1]))
    output = tmp_path / "labels.nii.gz"
    assert segment_script.main([str(workdir), name, "--output", str(output)]) == 0
    labels = np.asarray(nibabel.load(output).dataobj)
    assert labels.shape == fine.shape
    assert np.mean(labels == np.repeat(ball().labels, 2, axis=0)) > 0.85


def test_segment_names_what_is_no_picture_and_does_the_others(workdir, tmp_path, capsys):
    good = save(tmp_path / "good.nii.gz", ball().picture, np.diag([2, 2, 2, 1]))
    wrong = [
        save(tmp_path / "series.nii.gz", np.stack([ball().picture] * 2, -1), np.eye(4)),
        save(tmp_path / "dark.nii.gz", np.zeros((9, 9, 9), np.float32), np.eye(4)),
        save(tmp_path / "holes.nii.gz", np.full((9, 9, 9), np.nan, np.float32), np.eye(4)),
        str(tmp_path / "empty.nii"),
        str(tmp_path / "absent.nii"),
    ]
    Path(wrong[3]).touch()
    assert segment_script.main([str(workdir), *wrong, good]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(good)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(wrong)
    for name, told in zip(wrong, errors, strict=True):
        assert name in told


def test_segment_tells_of_a_bad_output_before_it_works(workdir, tmp_path, capsys):
    good = save(tmp_path / "good.nii.gz", ball().picture, np.diag([2, 2, 2, 1]))
    assert segment_script.main([str(workdir), good, "--output", "labels.png"]) == 1
    assert "ends in .nii" in capsys.readouterr().err


def test_help_and_missing_arguments_print_how_to_use_it(capsys):
    assert status_of(segment_script.main, "--help") == 0
    assert "\n$ segment.py runs/a" in capsys.readouterr().out
    assert status_of(segment_script.main, "runs/a") == 2
    assert "name one file or more" in capsys.readouterr().err
    assert status_of(segment_script.main, "runs/a", "b.nii", "--output") == 2
    assert status_of(segment_script.main, "runs/a", "b.nii", "c.nii", "--output", "d.nii") == 2
    assert "--output is of one file" in capsys.readouterr().err


def test_segment_writes_over_nothing_that_it_was_given(workdir, tmp_path, capsys):
    affine = np.diag([2, 2, 2, 1])
    good = save(tmp_path / "good.nii.gz", ball().picture, affine)
    plain = save(tmp_path / "good.nii", ball().picture, affine)
    before = Path(good).read_bytes()
    nowhere = tmp_path / "nowhere" / "labels.nii"
    for arguments, told in [
        ([good, "--output", good], "is a picture to be segmented"),
        ([good, plain], "labels of two pictures"),
        ([good, "--output", str(nowhere)], "there is no folder"),
    ]:
        assert segment_script.main([str(workdir), *arguments]) == 1
        assert told in capsys.readouterr().err
    assert Path(good).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"good.nii.gz", "good.nii"}
