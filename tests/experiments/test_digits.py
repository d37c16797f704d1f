"""The digits experiment from end to end, on forty pictures of scikit-learn's small digits."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx
from sklearn.datasets import load_digits
from tolerances import FIRST_STEPS

from experiments import digits
from nnarch import train
from nnarch.data.mnist import SIZE, Digits
from nnarch.nn.parameters import count_parameters
from scripts import evaluate as evaluate_script

EACH = 4  # pictures of a digit


def split():
    """Pictures of 8x8 as large as MNIST's, in the order of their labels."""
    found = load_digits()
    places = np.concatenate([np.flatnonzero(found.target == n)[:EACH] for n in range(10)])
    large = np.kron(found.images[places], np.ones((1, 3, 3))) * 255 / 16
    margin = (SIZE - large.shape[1]) // 2
    pictures = np.pad(large, [(0, 0), (margin, margin), (margin, margin)]).astype(np.uint8)
    return Digits(pictures, found.target[places].astype(np.int32))


def load(name, *, folder=None, splits=None):
    return {name: split() for name in ("train", "validation", "test")}


@pytest.fixture(scope="module", autouse=True)
def small_digits():
    """The data set of this file instead of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    digits._read.cache_clear()
    digits.baselines.cache_clear()


CONFIG = digits.Config(
    train=train.TrainConfig(
        steps=60,
        learning_rate=1e-2,
        warmup_steps=5,
        evaluate_every=30,
        checkpoint_every=60,
        mesh=train.MeshConfig(data=1),
    ),
    model=digits.ModelConfig(
        renet=digits.ReNetConfig(patches=(7,), hidden=12, dense=(), dropout=0.0),
        lenet=digits.LeNetConfig(channels=(4, 6), dense=(), dropout=0.0),
    ),
    data=digits.DataConfig(batch_size=40),
    augmentation=digits.AugmentationConfig(shift=1.0, scale=0.0, rotation=0.0, slant=0.0),
    decode=digits.DecodeConfig(batch_size=16),
    label_smoothing=0.0,
)


def of_kind(kind, config=CONFIG):
    return replace(config, model=replace(config.model, kind=kind))


@pytest.fixture(scope="module", params=["renet", "lenet"])
def run(request, small_digits, tmp_path_factory):
    """A run that has been trained: its configuration and its folder."""
    config = of_kind(request.param)
    folder = tmp_path_factory.mktemp("runs") / request.param
    description = {"experiment": "digits", "preset": "default", "config": train.to_json(config)}
    result = train.fit(digits.build(config), config.train, folder, description=description)
    assert result.finished
    return config, folder


def test_it_learns_the_digits_and_writes_a_page(run, capsys):
    _, folder = run
    assert evaluate_script.main([str(folder), "--batch-size", "9"]) == 0
    figures = json.loads((folder / "metrics.json").read_text())["test"]
    assert figures["wrong"] <= 4
    assert figures["error"] == 100 * figures["wrong"] / (10 * EACH)
    page = (folder / "report" / "index.html").read_text()
    assert "Which digit is taken for which" in page
    assert page.count('class="card wrong"') == figures["wrong"]
    assert "in brackets: nearest" in capsys.readouterr().out


def test_probabilities_keep_the_order_of_pictures_over_batches(run):
    config, folder = run
    model, _ = train.restore(digits.build(config), folder)
    pictures = split().pictures
    told = digits.tell(config, model, pictures)
    np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(digits.tell(config, model, pictures[::-1]), told[::-1], rtol=1e-5)


def test_a_training_picture_is_its_own_nearest_neighbour():
    (figures,) = digits.baselines(CONFIG).values()
    assert figures == {"test": {"error": 0, "wrong": 0}}


def test_the_page_of_a_model_that_knows_nothing_has_every_mistake(tmp_path):
    model = digits.build(CONFIG).create(jax.random.key(0))
    page = digits.report(CONFIG, model, tmp_path, best_step=None).read_text()
    told = np.argmax(digits.tell(CONFIG, model, split().pictures), axis=1)
    wrong = int((told != split().labels).sum())
    assert wrong > 20
    assert page.count('class="card wrong"') == wrong


def losses(folder, config, **mesh):
    """Of the first two steps."""
    training = replace(
        config.train, steps=2, horizon=60, log_every=1, mesh=train.MeshConfig(**mesh)
    )
    train.fit(digits.build(config), training, folder)
    rows = train.read_rows(folder / "metrics.jsonl")
    return [row["loss"] for row in rows if "loss" in row]


def test_two_steps_on_eight_devices_are_those_of_one(tmp_path):
    alone = losses(tmp_path / "one", CONFIG, data=1)
    shared = losses(tmp_path / "eight", CONFIG, data=2, model=4)
    assert len(alone) == 2
    assert alone[0] != alone[1]
    np.testing.assert_allclose(shared, alone, **FIRST_STEPS)


def test_presets_survive_json():
    for preset in digits.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(digits.Config, json.loads(text)) == preset


def size(config):
    model = nnx.eval_shape(digits.build(config).create, jax.random.key(0))
    return count_parameters(model)


def test_both_models_have_the_same_number_of_parameters():
    renet, lenet = (size(of_kind(kind, digits.Config())) for kind in ("renet", "lenet"))
    assert abs(lenet / renet - 1) < 0.01


def test_the_paper_s_net_compiles_a_step():
    """Two layers of 2x2 patches, 256 units a sweep, two dense layers of 4096."""
    config = digits.PRESETS["paper"]
    assert size(config) > 100e6
    task = digits.build(replace(config, data=replace(config.data, batch_size=2)))
    graph, params = nnx.split(nnx.eval_shape(task.create, jax.random.key(0)))

    @jax.jit
    @jax.grad
    def gradients(params, batch, key):
        return task.loss(nnx.merge(graph, params), batch, key).total

    compiled = gradients.lower(params, next(task.batches.iterator()), jax.random.key(1)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2e9
