"""The captioning benchmark over a tiny model and an update that does nothing."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.bench import captioning
from nnarch.bench.captioning_recipe import Recipe
from nnarch.models.show_and_tell import ShowAndTell, ShowAndTellConfig

RECIPE = Recipe(
    shift=1.0,
    scale=0.1,
    brightness=0.1,
    contrast=0.2,
    channels=0.1,
    label_smoothing=0.1,
    learning_rate=1e-3,
    weight_decay=0.01,
    clip_norm=1.0,
    average=0.9,
)


@pytest.fixture
def subject():
    config = ShowAndTellConfig(hidden=5, embedding=4, widths=(3, 6), strides=(4, 2))
    model = ShowAndTell(config, vocabulary=11, picture_size=8, start=1, key=jax.random.key(0))
    rng = np.random.default_rng(0)
    batch = {
        "picture": jnp.asarray(rng.integers(0, 256, (2, 8, 8, 3)), jnp.uint8),
        "tokens": jnp.asarray(rng.integers(2, 11, (2, 4)), jnp.int32),
        "lengths": jnp.array([4, 2], jnp.int32),
    }
    return captioning.Subject(model, RECIPE, lambda: batch, lambda batch: batch, lambda: batch)


def test_measures_prints_and_writes(subject, tmp_path, capsys):
    config = captioning.Config(device="cpu", repeats=2, turn_seconds=0.001, output=tmp_path)
    result = captioning.run(config, lambda device: subject)
    assert {"picture changes", "CNN", "LSTM", "softmax and loss", "optimiser"} < set(result.parts)
    document = json.loads((tmp_path / "captioning.json").read_text())
    assert document["parts"]["CNN"]["median"] > 0
    assert "whole step" in capsys.readouterr().out


def test_torch_computes_the_same_and_is_checked(subject):
    pytest.importorskip("torch")
    from nnarch.bench.captioning_torch import TorchStep

    step = TorchStep(subject.model, RECIPE, jax.devices("cpu")[0])
    captioning._check_agreement(subject, step, subject.draw())
    step(step.place(subject.draw()))  # an update moves its weights away from ours
    with pytest.raises(ValueError, match="expected to agree"):
        captioning._check_agreement(subject, step, subject.draw())


def test_torch_changes_pictures_by_the_recipe():
    torch = pytest.importorskip("torch")
    from nnarch.bench.captioning_torch import change_pictures

    pictures = torch.randint(0, 256, (3, 8, 8, 3), dtype=torch.uint8)
    still = RECIPE._replace(shift=0, scale=0, brightness=0, contrast=0, channels=0)
    torch.testing.assert_close(change_pictures(pictures, still), pictures / 255)
    assert not torch.allclose(change_pictures(pictures, RECIPE), pictures / 255)
