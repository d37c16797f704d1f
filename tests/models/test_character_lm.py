"""The character model: shapes, sizes, and the state between two windows."""

import jax
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.models.character_lm import CharacterLM, CharacterLMConfig

KINDS = {
    "lstm": CharacterLMConfig(hidden=6, embedding=3),
    "gru": CharacterLMConfig(cell="gru", layers=2, hidden=6, embedding=3, output="tied"),
}


def make(config):
    return CharacterLM(config, characters=9, rows=2, key=jax.random.key(0))


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def model(request):
    return make(request.param)


def test_two_windows_are_one(model):
    characters = np.random.default_rng(0).integers(0, 9, (2, 10)).astype(np.int32)
    starts = np.zeros((2, 10), bool)
    starts[:, 0] = starts[1, 7] = True
    whole, last = model(characters, starts=starts)
    assert whole.shape == (2, 10, 9)
    first, second = (
        model.window(characters[:, part], starts=starts[:, part], key=None)
        for part in (slice(4), slice(4, 10))
    )
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, **FLOAT32)
    kept = model.states.read(model.stack.layers)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), kept, last)
    alone, _ = model(characters[1:, 7:])
    np.testing.assert_allclose(whole[1:, 7:], alone, **FLOAT32)


def test_noise_is_of_training_alone():
    config = CharacterLMConfig(
        hidden=6, embedding=3, dropout=0.3, state_dropout=0.3, zoneout=0.1, cell_zoneout=0.2
    )
    model, characters = make(config), np.ones((2, 5), np.int32)
    first, again = (model(characters)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    noisy = [model(characters, key=jax.random.key(seed))[0] for seed in (0, 1)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3


def test_no_layer_is_refused():
    with pytest.raises(ValueError, match="1 layer or more"):
        make(CharacterLMConfig(layers=0))


def test_a_cell_without_c_has_no_zoneout_of_it():
    with pytest.raises(ValueError, match="a gru has no c"):
        make(CharacterLMConfig(cell="gru", cell_zoneout=0.1))
