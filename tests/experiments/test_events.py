"""The events experiment, from end to end on a few clips of small digits."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from data.small_digits import load
from flax import nnx
from tolerances import FIRST_STEPS, FLOAT32
from train.two_steps import check_two_by_four

from experiments import events
from nnarch import train
from nnarch.data import moving_digits as data
from nnarch.models.frame_encoder import FrameEncoderConfig
from scripts import evaluate as evaluate_script

CONFIG = events.Config(
    train=train.TrainConfig(
        steps=2, warmup_steps=1, learning_rate=1e-2, mesh=train.MeshConfig(data=1)
    ),
    model=events.FrameLabellerConfig(
        hidden=8,
        frames=FrameEncoderConfig(features=16, widths=(4, 8), strides=(4, 2), dropout=0.0),
        dropout=0.0,
    ),
    data=events.DataConfig(frames=20, batch_size=8, validation=10, test=22),
    decode=events.DecodeConfig(batch_size=10),
)


@pytest.fixture(scope="module", autouse=True)
def small():
    """The digits of this file instead of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events.mnist, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    for cached in (events._drawn, events._samples, events.baselines):
        cached.cache_clear()


@pytest.fixture(scope="module")
def workdir(small, tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "events"
    description = {"experiment": "events", "preset": "default", "config": train.to_json(CONFIG)}
    result = train.fit(events.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(events.build(CONFIG), workdir)[0]


def in_direction(direction):
    return replace(CONFIG, model=replace(CONFIG.model, direction=direction))


def test_labels_keep_the_order_of_clips_over_batches(model):
    clips = events._samples(CONFIG.data, "test")["clip"]
    told = events.label(CONFIG, model, clips)
    assert told.labels.shape == told.digits.shape == (22, 20)
    other = events.label(CONFIG, model, clips[::-1])
    np.testing.assert_array_equal(told.labels[::-1], other.labels)
    np.testing.assert_array_equal(told.digits[::-1], other.digits)


def test_figures_count_what_they_say():
    split = {
        "label": np.array([[0, 1, 1, 4]], np.int32),
        "digit": np.array([[data.NOBODY, 7, 7, 3]], np.int32),
        "from_future": np.array([[False, True, True, False]]),
        "from_past": np.array([[False, True, False, False]]),
    }
    told = events.Told(np.array([[0, 1, 4, 4]]), np.array([[5, 7, 7, 2]]))
    figures = events._figures(told, split | {"label": split["label"]})
    assert figures["frames"] == 50  # at rest whoever is named; one wrong label, one wrong digit
    assert figures["labels"] == 75
    assert figures["from_future"] == 50
    assert figures["from_past"] == 100
    assert figures["who"] == pytest.approx(200 / 3)
    assert figures["stops"] == 50
    assert figures["bounces"] == 100


def test_the_loss_counts_frames_and_names_where_somebody_acts():
    task = events.build(CONFIG)
    batch, model = next(task.batches.iterator()), task.create(jax.random.key(0))
    loss = task.loss(model, batch, jax.random.key(1))
    assert loss.weight == 8 * 20
    scores = model(batch["clip"][..., None] / np.float32(255), key=jax.random.key(1))
    labels, names = (np.asarray(jax.nn.log_softmax(each)) for each in scores)
    expected = 0.0
    for at in np.ndindex(8, 20):
        expected -= labels[at][batch["label"][at]]
        if batch["digit"][at] != data.NOBODY:
            expected -= names[at][batch["digit"][at]]
    np.testing.assert_allclose(float(loss.total), expected, **FLOAT32)


@pytest.mark.parametrize(("direction", "past"), [("forward", True), ("backward", False)])
def test_a_net_of_one_direction_sees_that_side_alone(direction, past):
    model = events.build(in_direction(direction)).create(jax.random.key(0))
    model.eval()
    clip = np.float32(events._samples(CONFIG.data, "test")["clip"][:1, ..., None]) / 255
    changed = clip.copy()
    changed[:, 10] = 0.5
    before, after = (np.asarray(model(each).labels[0]) for each in (clip, changed))
    same = np.all(before == after, axis=-1)
    assert same[:10].all() == past
    assert same[11:].all() != past
    assert not same[10]


def test_directions_have_models_of_one_size():
    sizes = []
    for direction in ("both", "forward", "backward"):
        config = events.PRESETS["default"]
        own = replace(config.model, direction=direction)
        config = replace(config, model=own, data=CONFIG.data)
        model = nnx.eval_shape(events.build(config).create, jax.random.key(0))
        sizes.append(sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))))
    assert sizes[1] == sizes[2] == pytest.approx(sizes[0], rel=0.005)


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    check_two_by_four(events.build, CONFIG, FIRST_STEPS)


def test_a_run_goes_on_with_the_batches_that_it_would_have_seen():
    whole, later = (events.build(CONFIG).batches.iterator() for _ in range(2))
    next(whole)
    later.set_state(whole.get_state())
    for first, second in zip(next(whole).values(), next(later).values(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_presets_survive_json():
    for preset in events.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(events.Config, json.loads(text)) == preset


def test_evaluate_writes_figures_and_a_page(workdir, capsys):
    assert evaluate_script.main([str(workdir)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert {"frames", "from_future", "from_past", "who", *data.LABELS} <= set(figures["test"])
    page = (workdir / "report" / "index.html").read_text()
    for title in ("Clips, frame by frame", "Label by label", "Where later frames tell"):
        assert title in page
    assert (workdir / "report" / "clips-frame-by-frame-worst-0.png").exists()
    assert "always at rest" in capsys.readouterr().out
