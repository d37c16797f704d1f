"""Show, Attend and Tell: stepwise equals whole, and where it looks."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32, FLOAT32_DEEP

from nnarch.kernels.search import beam_search
from nnarch.models.show_attend_tell import ShowAttendTell, ShowAttendTellConfig

SMALL = ShowAttendTellConfig(
    hidden=12, embedding=8, attention=5, widths=(4, 6), strides=(2, 2), dropout=0.3
)
START, END, WORDS = 1, 2, 11
PICTURES = jax.random.uniform(jax.random.key(0), (3, 10, 12, 3))
TOKENS = jnp.array([[5, 6, 7, END], [4, END, 0, 0], [END, 0, 0, 0]])
LENGTHS = jnp.array([4, 2, 1])
VALID = np.arange(4) < np.asarray(LENGTHS)[:, None]


@pytest.fixture(params=["none", "nowhere"])
def model(request):
    return create(replace(SMALL, gate=request.param))


def create(config):
    model = ShowAttendTell(config, vocabulary=WORDS, start=START, key=jax.random.key(1))
    model.eval()
    return model


def test_step_by_step_is_the_whole(model):
    whole = model(PICTURES, TOKENS, LENGTHS)
    state, last = model.begin(PICTURES), jnp.full(3, START)
    for t in range(TOKENS.shape[1]):
        logits, state = model.step(state, last)
        last = TOKENS[:, t]
        np.testing.assert_allclose(logits[VALID[:, t]], whole[VALID[:, t], t], **FLOAT32_DEEP)


def test_padding_changes_nothing(model):
    other = jnp.where(VALID, TOKENS, 9)
    got, expected = (model.attend(PICTURES, tokens, LENGTHS) for tokens in (other, TOKENS))
    np.testing.assert_array_equal(got.logits[VALID], expected.logits[VALID])
    np.testing.assert_array_equal(got.maps, expected.maps)


def test_maps_are_of_the_places_and_add_up_to_what_is_left_of_nowhere(model):
    maps = model.attend(PICTURES, TOKENS, LENGTHS).maps
    assert maps.shape == (3, 4, 3, 3)
    assert np.all(maps[~VALID] == 0)
    sums = np.sum(maps[VALID], axis=(1, 2))
    if model.config.gate == "none":
        np.testing.assert_allclose(sums, 1, **FLOAT32)
    else:
        assert np.all((sums > 0) & (sums < 1))


def test_who_looks_nowhere_reads_nothing():
    model = create(replace(SMALL, gate="nowhere"))
    features = model.encode(PICTURES).reshape(3, 9, 6)
    keys, direction = model.decoder.w_key[...], model.decoder.v[...]
    model.nowhere[...] = 1e3 * jnp.linalg.pinv(keys).T @ jnp.sign(direction)
    model.decoder.v[...] = 1e3 * direction
    decoded, _ = model.decoder(jnp.zeros((3, 1, 8)), model._remembered(features))
    np.testing.assert_allclose(decoded.shares[:, 0, -1], 1, **FLOAT32)
    np.testing.assert_allclose(decoded.contexts, 0, **FLOAT32)


def test_a_map_is_of_the_picture_s_own_places():
    """A picture whose places are moved is looked at in the places they moved to."""
    model = create(replace(SMALL, widths=(4,), strides=(2,)))
    turned = model.encode(PICTURES)[:, ::-1, :, :]
    plain = model.attend(PICTURES, TOKENS, LENGTHS).maps
    model.encode = lambda pictures, key=None: turned
    np.testing.assert_allclose(
        model.attend(PICTURES, TOKENS, LENGTHS).maps, plain[:, :, ::-1], **FLOAT32_DEEP
    )


def test_the_picture_is_seen_by_every_word(model):
    difference = model(PICTURES, TOKENS, LENGTHS) - model(PICTURES[::-1], TOKENS, LENGTHS)
    assert np.all(np.abs(difference[0]).max(axis=-1) > 0)


def test_dropout_is_decided_by_the_key(model):
    runs = [model(PICTURES, TOKENS, LENGTHS, key=jax.random.key(n)) for n in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.any(runs[0] != runs[2])


def test_every_parameter_is_trained(model):
    model.train()
    graph, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)

    def loss(params):
        logits = nnx.merge(graph, params, statistics, copy=True)(PICTURES, TOKENS, LENGTHS)
        return jnp.sum(jax.nn.log_softmax(logits)[jnp.arange(3), LENGTHS - 1, 3])

    for path, leaf in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.any(leaf != 0), path


def test_computes_in_the_dtype_of_its_parameters(model):
    graph, params, statistics = nnx.split(model, nnx.Param, nnx.BatchStat)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    found = jax.jit(nnx.merge(graph, half, statistics).attend)(PICTURES, TOKENS, LENGTHS)
    assert (found.logits.dtype, found.maps.dtype) == (jnp.bfloat16, jnp.float32)
    assert np.isfinite(np.asarray(found.logits, np.float32)[0]).all()


def test_its_step_is_what_beam_search_takes(model):
    @jax.jit
    def captions(pictures):
        return beam_search(
            model.step, model.begin(pictures), start=START, end=END, max_length=6, beam=3, best=2
        )

    found = captions(PICTURES)
    assert found.tokens.shape == (3, 2, 6)
    scores = np.asarray(model(PICTURES, found.tokens[:, 0], found.lengths[:, 0]), np.float64)
    log_probs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    for row in range(3):
        length, tokens = int(found.lengths[row, 0]), np.asarray(found.tokens[row, 0])
        total = log_probs[row, np.arange(length), tokens[:length]].sum()
        np.testing.assert_allclose(found.log_probs[row, 0], total, **FLOAT32_DEEP)
