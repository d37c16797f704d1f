"""Captioning that looks at places of the picture: a short run of it, its report and script."""

import json
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from data.coloured_squares import SIZE, load, split
from flax import nnx
from leaving import status_of
from PIL import Image
from tolerances import FIRST_STEPS, FLOAT32
from train.two_steps import check_two_by_four

from experiments import captioning
from nnarch import train
from scripts import caption as caption_script
from scripts import evaluate as evaluate_script

CONFIG = captioning.Config(
    train=train.TrainConfig(
        steps=2, warmup_steps=1, learning_rate=1e-2, mesh=train.MeshConfig(data=1)
    ),
    net="attend",
    model=captioning.ShowAndTellConfig(hidden=16, embedding=16, widths=(8, 8), strides=(2, 2)),
    attend=captioning.ShowAttendTellConfig(
        hidden=16, embedding=16, attention=8, widths=(8, 8), strides=(2, 2), dropout=0.0
    ),
    data=captioning.DataConfig(size=SIZE, batch_size=12),
    augmentation=captioning.AugmentationConfig(shift=1.0),
    decode=captioning.DecodeConfig(max_length=5, batch_size=8),
)


@pytest.fixture(scope="module", autouse=True)
def squares():
    """The data set of this file instead of the emoji."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioning.data, "load", load)
        patch.setattr(captioning, "LOOKED_AT", 1)
        _forget()
        yield
    _forget()


def _forget():
    captioning.read.cache_clear()
    captioning.baselines.cache_clear()


@pytest.fixture(scope="module")
def workdir(squares, tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "squares"
    description = {"experiment": "captioning", "preset": "attend"}
    description["config"] = train.to_json(CONFIG)
    result = train.fit(captioning.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(captioning.build(CONFIG), workdir)[0]


def test_what_is_looked_at_stands_beside_what_is_told(model):
    pictures = split(margin=2).pictures
    looked = captioning.look(CONFIG, model, pictures)
    assert [" ".join(each.words) for each in looked] == captioning.caption(CONFIG, model, pictures)
    for picture, each in zip(pictures, looked, strict=True):
        assert each.maps.shape == (len(each.words), 4, 4)
        np.testing.assert_allclose(each.maps.sum(axis=(1, 2)), 1, **FLOAT32)
        np.testing.assert_array_equal(each.picture, picture)


def test_uneven_attention_is_dear():
    """Of two words and four places: all alike, each its own two, both the same one."""
    even, shared, one = np.full((2, 4), 0.25), np.full((2, 4), 0.0), np.full((2, 4), 0.0)
    shared[0, :2] = shared[1, 2:] = 0.5
    one[:, 0] = 1
    maps = np.stack([even, shared, one]).reshape(3, 2, 2, 2)
    costs = [float(captioning._unevenness(each[None])) for each in maps]
    assert costs == [4 * 0.25, 4 * 0.25, 1 + 3]
    assert float(captioning._unevenness(maps)) == sum(costs)


def test_a_caption_s_loss_is_its_words_and_its_unevenness():
    task = captioning.build(replace(CONFIG, doubly_stochastic=0.5))
    batch, model = next(task.batches.iterator()), task.create(jax.random.key(0))
    model.train()
    loss = task.loss(model, batch, jax.random.key(1))
    words, uneven = loss.metrics["cross_entropy"], loss.metrics["unevenness"]
    assert loss.weight == words[1] == batch["lengths"].sum()
    assert uneven[1] == 12
    np.testing.assert_allclose(loss.total, words[0] + 0.5 * uneven[0], **FLOAT32)


@pytest.mark.parametrize("net", ["show_and_tell", "attend"])
def test_two_steps_on_two_by_four_devices_are_those_of_one(net):
    check_two_by_four(captioning.build, replace(CONFIG, net=net), FIRST_STEPS)


def test_the_presets_have_models_of_about_one_size():
    sizes = []
    for name in ("default", "attend"):
        create = partial(captioning._create, captioning.PRESETS[name], 1654)
        model = nnx.eval_shape(create, jax.random.key(0))
        sizes.append(sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_evaluate_writes_where_it_looked_into_the_report(workdir):
    assert evaluate_script.main([str(workdir), "--beam", "2"]) == 0
    assert "test_composed" in json.loads((workdir / "metrics.json").read_text())
    page = (workdir / "report" / "index.html").read_text()
    assert "Show, Attend and Tell" in page
    assert "Where it looked" in page
    assert (workdir / "report" / "where-it-looked-3.png").exists()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "square.png"
    Image.fromarray(split(margin=3).pictures[0]).save(path)
    return str(path)


def test_caption_draws_where_it_looked(workdir, picture, tmp_path, capsys):
    drawn = tmp_path / "map.png"
    assert caption_script.main([str(workdir), picture]) == 0
    told = capsys.readouterr().out
    assert caption_script.main([str(workdir), picture, picture, "--attention", str(drawn)]) == 0
    assert capsys.readouterr().out == told
    with Image.open(drawn) as opened:
        assert opened.format == "PNG"


@pytest.mark.parametrize("name", ["map.jpg", "absent/map.png"])
def test_caption_tells_what_is_wrong_with_a_drawing_s_name(
    workdir, picture, tmp_path, name, capsys
):
    drawn = tmp_path / name
    assert caption_script.main([str(workdir), picture, "--attention", str(drawn)]) == 1
    assert str(drawn) in capsys.readouterr().err


def test_a_run_that_does_not_attend_is_told_apart(model, picture, tmp_path, capsys):
    config = replace(CONFIG, net="show_and_tell")
    with pytest.raises(ValueError, match="--preset attend"):
        captioning.look(config, model, split(margin=2).pictures)


def test_an_option_without_its_file_is_told(capsys):
    assert status_of(caption_script.main, "runs/a", "picture.png", "--attention") == 2
    assert "Missing value for argument '--attention'" in capsys.readouterr().err
