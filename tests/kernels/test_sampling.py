"""Sequences drawn from small tables: how often, from which tokens, and for each row by itself."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.search_cases import END, LENGTH, START, WORDS, log_prob, step, tables
from tolerances import DRAWN, FLOAT32

from nnarch.kernels import sample_sequences

OPTIONS = ("samples", "temperature", "top_k", "top_p")


@partial(jax.jit, static_argnames=OPTIONS)
def draw(keys, logits, *, samples=1, temperature=1.0, top_k=None, top_p=None):
    return sample_sequences(
        keys,
        step,
        (logits, jnp.zeros(len(logits), jnp.int32)),
        start=START,
        end=END,
        max_length=LENGTH,
        samples=samples,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def first_tokens(probabilities, **options):
    """How often each token is drawn first, of 8,000 times."""
    logits = np.zeros((1, LENGTH, WORDS, WORDS), np.float32)
    logits[:, 0] = np.log(probabilities) + 3
    found = draw(keys(1), logits, samples=8000, **options)
    return np.bincount(found.tokens[0, :, 0], minlength=WORDS) / 8000


SHARES = np.array([0.1, 0.4, 0.3, 0.2])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, SHARES),
        ({"temperature": 0.5}, SHARES**2 / np.sum(SHARES**2)),
        ({"top_k": 2}, np.array([0, 4, 3, 0]) / 7),
        ({"top_k": 9}, SHARES),
        ({"top_p": 0.65}, np.array([0, 4, 3, 0]) / 7),
        ({"top_p": 0.75}, np.array([0, 4, 3, 2]) / 9),
        ({"top_p": 0.01}, np.array([0, 1, 0, 0])),
        ({"top_k": 3, "top_p": 0.75}, np.array([0, 4, 3, 0]) / 7),  # .4 + .3 of .9 is above .75
        ({"temperature": 2.0, "top_k": 2}, np.array([0, 2, 3**0.5, 0]) / (2 + 3**0.5)),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_likely(options, expected):
    found = first_tokens(SHARES, **options)
    np.testing.assert_allclose(found, expected, **DRAWN)
    assert np.all(found[expected == 0] == 0)


def test_log_probs_are_those_of_the_step_whatever_is_cut():
    logits = tables(0, rows=3)
    found = draw(keys(3), logits, samples=20, temperature=0.7, top_k=3, top_p=0.9)
    for row in range(3):
        for n in range(20):
            tokens = found.tokens[row, n, : found.lengths[row, n]].tolist()
            np.testing.assert_allclose(
                found.log_probs[row, n], log_prob(logits[row], tokens), **FLOAT32
            )


def test_sequences_end_with_the_end_token_and_are_zero_behind_it():
    found = jax.tree.map(np.asarray, draw(keys(4), tables(1, rows=4), samples=30))
    place = np.arange(LENGTH)
    assert np.all(found.tokens[place >= found.lengths[..., None]] == 0)
    ends = (found.tokens == END).sum(-1)
    np.testing.assert_array_equal(ends, found.finished)
    last = np.take_along_axis(found.tokens, found.lengths[..., None] - 1, axis=-1)[..., 0]
    np.testing.assert_array_equal(last == END, found.finished)
    assert np.all(found.lengths[~found.finished] == LENGTH)
    assert {True, False} == set(found.finished.ravel().tolist())


def test_a_batch_gives_what_its_rows_give():
    logits = tables(2, rows=4)
    together = draw(keys(4), logits, samples=5, top_p=0.9)
    for row in range(4):
        here = slice(row, row + 1)
        alone = draw(keys(4)[here], logits[here], samples=5, top_p=0.9)
        for name, whole, single in zip(together._fields, together, alone, strict=True):
            np.testing.assert_array_equal(whole[row], single[0], err_msg=name)


def test_rows_and_samples_are_drawn_independently():
    found = draw(keys(2), np.zeros((2, LENGTH, WORDS, WORDS), np.float32), samples=8)
    flat = {tuple(tokens) for tokens in np.asarray(found.tokens).reshape(16, LENGTH).tolist()}
    assert len(flat) > 8


@pytest.mark.parametrize("top_p", [None, 1.0])
def test_what_cannot_follow_is_never_drawn(top_p):
    logits = np.full((1, LENGTH, WORDS, WORDS), -np.inf, np.float32)
    logits[..., END] = 0
    found = draw(keys(1), logits, samples=50, top_p=top_p)
    assert np.all(found.tokens[..., 0] == END)
    assert np.all(found.log_probs == 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "above 0"),
        ({"temperature": float("inf")}, "a number above 0"),
        ({"temperature": float("nan")}, "a number above 0"),
        ({"top_k": 0}, "top_k >= 1"),
        ({"top_k": 2.5}, "an integer top_k"),
        ({"samples": 1.5}, "expects integers"),
        ({"top_p": 1.5}, "top_p <= 1"),
        ({"samples": 0}, "samples >= 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw(keys(1), tables(0, rows=1), **options)


def test_one_key_for_all_rows_is_refused():
    with pytest.raises(ValueError, match=r"jax\.random\.split"):
        draw(keys(2), tables(0, rows=3))


@pytest.mark.parametrize("temperature", [1e-45, 1e-30, 1e30])
@pytest.mark.parametrize("top_p", [None, 0.9])
def test_a_temperature_of_any_size_draws_what_can_follow(temperature, top_p):
    logits = np.zeros((1, LENGTH, WORDS, WORDS), np.float32)
    logits[..., 0], logits[..., 2] = -np.inf, 1.0
    found = draw(keys(1), logits, samples=100, temperature=temperature, top_p=top_p)
    first = np.asarray(found.tokens[0, :, 0])
    assert set(first) == ({2} if temperature < 1 else {1, 2, 3})


@pytest.mark.parametrize("nothing", [-np.inf, np.nan])
def test_a_sequence_after_which_nothing_can_follow_ends_there(nothing):
    logits = np.zeros((2, LENGTH, WORDS, WORDS), np.float32)
    logits[:, 0, :, END] = -np.inf
    logits[0, 1] = nothing
    found = draw(keys(2), logits, samples=5)
    assert found.lengths[0].tolist() == [1] * 5
    assert not np.any(found.finished[0])
    assert not np.any(found.tokens[0, :, 1:])
    np.testing.assert_allclose(found.log_probs[0], np.log(1 / 3), **FLOAT32)
    assert np.all(found.lengths[1] > 1)


def test_infinity_is_the_largest_number():
    """As half precision makes it of a large score."""
    logits = np.zeros((1, LENGTH, WORDS, WORDS), np.float16)
    logits[..., 3] = np.inf
    found = draw(keys(1), logits, samples=5)
    assert np.all(found.tokens == 3)
    assert np.all(found.log_probs == 0)
