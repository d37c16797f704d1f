"""Translators of every kind: stepwise equals whole, padding is irrelevant, and all is trained."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from models.translator_cases import (
    CONFIGS,
    END,
    ONE,
    SENTENCES,
    SOURCE,
    SOURCE_LENGTHS,
    START,
    TARGET,
    TARGET_LENGTHS,
    TARGET_WORDS,
    align_of,
    create,
    model_of,
)
from tolerances import FLOAT32_DEEP

from nnarch import kernels
from nnarch.kernels.search import beam_search
from nnarch.models.bahdanau import BahdanauConfig
from nnarch.models.encoder_decoder import EncoderDecoderConfig
from nnarch.models.luong import LuongConfig
from nnarch.models.scheduled_sampling import scheduled_logits
from nnarch.nn.sequence import reversed_rows

VALID = np.arange(TARGET.shape[1]) < np.asarray(TARGET_LENGTHS)[:, None]

every_model = pytest.mark.parametrize("name", CONFIGS)
attending = pytest.mark.parametrize("name", ["bahdanau", "luong", "gnmt"])


def loss_of(graph):
    def loss(params, source, target):
        logits = nnx.merge(graph, params)(source, SOURCE_LENGTHS, target, TARGET_LENGTHS)
        return jnp.sum(jnp.where(VALID, jax.nn.log_softmax(logits)[..., 3], 0))

    return loss


@every_model
def test_step_by_step_is_the_whole(name):
    model, whole = model_of(name), align_of(name)(*SENTENCES)
    assert whole.logits.shape == (*TARGET.shape, TARGET_WORDS)
    state, step = jax.jit(model.begin)(SOURCE, SOURCE_LENGTHS), jax.jit(model.step)
    for t in range(TARGET.shape[1]):
        logits, state = step(state, TARGET[:, t])
        valid = VALID[:, t]
        np.testing.assert_allclose(logits[valid], whole.logits[valid, t], **FLOAT32_DEEP)
        np.testing.assert_allclose(state.shares[valid], whole.shares[valid, t], **FLOAT32_DEEP)


@every_model
def test_every_parameter_is_trained_and_padding_changes_nothing(name):
    """Words that no vocabulary has would make NaN of gradients."""
    graph, params = nnx.split(model_of(name), nnx.Param)
    run = jax.jit(jax.value_and_grad(loss_of(graph)))
    expected = run(params, SOURCE, TARGET)
    for path, leaf in jax.tree.leaves_with_path(expected[1]):
        assert np.any(leaf != 0), path
    for word in (7, -1, 10**6):
        source = jnp.where(jnp.arange(5) < SOURCE_LENGTHS[:, None], SOURCE, word)
        found = run(params, source, jnp.where(VALID, TARGET, word))
        jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("mode", ["graph", "tree"])
@every_model
def test_it_is_split_and_merged_in_both_modes(name, mode):
    with nnx.set_graph_mode(mode == "graph"):
        graph, params = nnx.split(create(CONFIGS[name]), nnx.Param)
        slopes = jax.eval_shape(jax.grad(loss_of(graph)), params, SOURCE, TARGET)
    assert jax.tree.structure(slopes) == jax.tree.structure(params)


@every_model
def test_a_row_is_the_same_alone(name):
    whole = align_of(name)(*SENTENCES)
    lengths = SOURCE_LENGTHS[1:2], TARGET_LENGTHS[1:2]
    alone = align_of(name)(SOURCE[1:2, :3], lengths[0], TARGET[1:2, :2], lengths[1])
    np.testing.assert_allclose(alone.logits[0], whole.logits[1, :2], **FLOAT32_DEEP)


@every_model
def test_the_whole_source_is_read(name):
    """Its first word and its last one; for a decoder without attention by way of one state."""
    expected = align_of(name)(*SENTENCES).logits
    for place in (0, 4):
        other = align_of(name)(SOURCE.at[0, place].set(8), *SENTENCES[1:]).logits
        assert np.all(np.abs(other[0] - expected[0]).max(axis=-1) > 0)
        np.testing.assert_array_equal(other[1:], expected[1:])


@attending
def test_shares_add_up_to_one_over_the_source_alone(name):
    shares = np.asarray(align_of(name)(*SENTENCES).shares)
    inside = np.arange(5) < np.asarray(SOURCE_LENGTHS)[:, None]
    assert np.all(shares[~np.broadcast_to(inside[:, None], shares.shape)] == 0)
    np.testing.assert_allclose(shares.sum(-1)[VALID], 1, **FLOAT32_DEEP)
    assert np.all(shares[~VALID] == 0)


@every_model
def test_dropout_is_decided_by_the_key(name):
    runs = [align_of(name)(*SENTENCES, key=jax.random.key(n)).logits for n in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.any(runs[0] != runs[2])


@every_model
def test_computes_in_the_dtype_of_its_parameters(name):
    graph, params = nnx.split(create(CONFIGS[name]), nnx.Param)
    half = nnx.merge(graph, jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params))
    logits = jax.jit(half)(*SENTENCES)
    assert logits.dtype == jnp.bfloat16
    assert np.isfinite(np.asarray(logits, np.float32)[VALID]).all()
    state = jax.eval_shape(half.begin, SOURCE, SOURCE_LENGTHS)
    _, after = jax.eval_shape(half.step, state, TARGET[:, 0])
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(lambda a: a.dtype, state)


@every_model
def test_its_step_is_what_beam_search_takes(name):
    model = model_of(name)

    @jax.jit
    def translate(source, lengths):
        return beam_search(
            model.step,
            model.begin(source, lengths),
            start=START,
            end=END,
            max_length=4,
            coverage_penalty=0.2,
            attended=model.attended,
        )

    found = translate(SOURCE, SOURCE_LENGTHS)
    tokens, lengths = found.tokens[:, 0], found.lengths[:, 0]
    target_in = jnp.concatenate([jnp.full((3, 1), START), tokens[:, :-1]], axis=1)
    decoded = align_of(name)(SOURCE, SOURCE_LENGTHS, target_in, lengths)
    log_probs = jax.nn.log_softmax(decoded.logits)
    for row, length in enumerate(np.asarray(lengths)):
        total = log_probs[row, np.arange(length), tokens[row, :length]].sum()
        np.testing.assert_allclose(found.log_probs[row, 0], total, **FLOAT32_DEEP)
        shares = np.asarray(decoded.shares)[row, :, : SOURCE_LENGTHS[row]]
        penalty = 0.2 * np.log(np.minimum(shares.sum(0), 1)).sum()
        np.testing.assert_allclose(found.scores[row, 0], total + penalty, **FLOAT32_DEEP)


def test_a_reversed_source_is_read_from_its_last_word():
    forward = create(EncoderDecoderConfig(replace(ONE, order="forward"), hidden=4, layers=2))
    backward = create(EncoderDecoderConfig(ONE, hidden=4, layers=2))
    turned = reversed_rows(SOURCE, SOURCE_LENGTHS)
    assert turned.tolist() == [[2, 6, 5, 4, 3], [2, 8, 7, 0, 0], [2, 0, 0, 0, 0]]
    np.testing.assert_array_equal(backward(*SENTENCES), forward(turned, *SENTENCES[1:]))


def test_a_reversed_source_is_attended_to_in_its_own_order():
    model = create(replace(CONFIGS["luong"], encoder=ONE))
    encoded = model.encoder(SOURCE, SOURCE_LENGTHS)
    np.testing.assert_allclose(encoded.states[0, 0], encoded.finals[-1].h[0], **FLOAT32_DEEP)


def test_the_last_states_of_one_direction_begin_the_decoder_as_they_are():
    model = create(CONFIGS["plain as published"])
    encoded, state = model.encoder(SOURCE, SOURCE_LENGTHS), model.begin(SOURCE, SOURCE_LENGTHS)
    jax.tree.map(np.testing.assert_array_equal, state.decoder, encoded.finals)


@pytest.mark.parametrize("score", ["general", "dot", "additive"])
def test_scores_may_be_scaled(score):
    encoder = CONFIGS["plain"].encoder  # in both directions, 8 numbers a place
    luong = LuongConfig(encoder, hidden=8, score=score)
    for config in (luong, BahdanauConfig(encoder, hidden=8, score=score)):
        plain, scaled = (
            _scores(create(replace(config, scaled=scaled)).align(*SENTENCES).shares)
            for scaled in (False, True)
        )
        width = 8**0.5 if score != "additive" or config is luong else config.attention**0.5
        np.testing.assert_allclose(width * scaled, plain, **FLOAT32_DEEP)


def _scores(shares):
    """Of the first word, less that of the first place: shares tell scores up to a constant."""
    logs = np.log(np.asarray(shares[0, 0]))
    return logs - logs[0]


def test_gnmt_attends_from_its_first_layer_and_hands_the_context_to_all():
    """Written again from the equations, a word at a time, over the kernels of single layers."""
    model = model_of("gnmt")
    encoded = model.encoder(SOURCE, SOURCE_LENGTHS)
    memory = model.first.memory(encoded.states, lengths=SOURCE_LENGTHS)
    nothing = kernels.LSTMState(jnp.zeros((3, 6)), jnp.zeros((3, 6)))
    states, logits = [nothing] * 3, []
    layers = [model.first.params.cell, *(layer.params for layer in model.above)]
    for t in range(TARGET.shape[1]):
        query = states[0].h[:, None]
        context, _ = kernels.attention(model.first.params.score, query, memory)
        ys = model.embedding(TARGET[:, t : t + 1])
        for depth, layer in enumerate(layers):
            below = ys
            ys, states[depth] = kernels.lstm(
                layer, jnp.concatenate([below, context], axis=-1), states[depth]
            )
            ys = ys + below if depth == 2 else ys
        logits.append(model.output(ys))
    found = np.asarray(align_of("gnmt")(*SENTENCES).logits)
    expected = np.asarray(jnp.concatenate(logits, axis=1))
    np.testing.assert_allclose(found[VALID], expected[VALID], **FLOAT32_DEEP)


@pytest.mark.parametrize("name", ["plain", "gnmt"])
def test_scheduled_sampling_reads_what_the_model_says(name):
    """A model that is sure of word 9, whatever it reads, is taught on rows of word 9."""
    model = create(replace(CONFIGS[name], dropout=0.0))
    model.output.b[...] = 100.0 * jax.nn.one_hot(9, TARGET_WORDS)
    said = TARGET.at[:, 1:].set(9)

    def run(rate):
        return scheduled_logits(model, *SENTENCES, rate=rate, key=jax.random.key(0))

    np.testing.assert_array_equal(run(0.0), model(*SENTENCES))
    expected = model(SOURCE, SOURCE_LENGTHS, said, TARGET_LENGTHS)
    np.testing.assert_allclose(run(1.0)[VALID], expected[VALID], **FLOAT32_DEEP)
    half = np.asarray(run(0.5))
    assert np.any(half[VALID] != expected[VALID])
    assert np.any(half[VALID] != model(*SENTENCES)[VALID])


def test_scheduled_sampling_refuses_a_rate_above_one():
    with pytest.raises(ValueError, match="from 0 to 1"):
        scheduled_logits(create(CONFIGS["plain"]), *SENTENCES, rate=1.5, key=jax.random.key(0))


@pytest.mark.parametrize("name", ["plain", "luong", "gnmt"])
def test_a_reset_gate_is_a_gru_s(name):
    config = CONFIGS[name]
    with pytest.raises(ValueError, match="choose cell gru, or leave reset out"):
        create(replace(config, encoder=replace(config.encoder, reset="before")))


@attending
def test_where_the_last_step_looked_is_each_row_s_own(name):
    """Up to its length; a row of no steps has looked nowhere new."""
    model = model_of(name)
    state = model.begin(SOURCE, SOURCE_LENGTHS)
    lengths = jnp.asarray(TARGET_LENGTHS).at[0].set(0)
    decoded = model.decode(state, TARGET, lengths)
    for row, length in enumerate(lengths):
        last = decoded.shares[row, length - 1] if length else state.shares[row]
        np.testing.assert_array_equal(decoded.state.shares[row], last)
