"""The coverage term against exhaustive search, and what beams of a row share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.compiled_loops import loop_shapes
from kernels.search_cases import (
    END,
    LENGTH,
    START,
    WORDS,
    log_prob,
    lp,
    padded,
    sequences,
    step,
    tables,
)
from tolerances import FLOAT32

from nnarch.kernels.search import beam_search

PLACES = 5
SOURCE_LENGTHS = np.array([5, 3, 1, 4])
ALL = WORDS * (WORDS - 1) ** 3


def looks(seed, rows):
    """Shares of attention [B, L, V, S], by position and token before; 0 past a row's source."""
    scores = np.random.default_rng(seed).normal(scale=2, size=(rows, LENGTH, WORDS, PLACES))
    shares = np.exp(scores) * (np.arange(PLACES) < SOURCE_LENGTHS[:rows, None, None, None])
    return (shares / shares.sum(-1, keepdims=True)).astype(np.float32)


def attending_step(state, tokens):
    words, table, valid, _ = state
    rows, position = jnp.arange(len(tokens)), words[1]
    logits, after = step(words, tokens)
    return logits, (after, table, valid, table[rows, position, tokens])


@partial(jax.jit, static_argnames=("beam", "best", "alpha", "beta"))
def search(logits, table, lengths, *, beam, best=1, alpha=0.6, beta=0.4):
    valid = jnp.arange(PLACES) < lengths[:, None]
    words = logits, jnp.zeros(len(logits), jnp.int32)
    return beam_search(
        attending_step,
        (words, table, valid, jnp.zeros((len(logits), PLACES))),
        start=START,
        end=END,
        max_length=LENGTH,
        beam=beam,
        best=best,
        length_penalty=alpha,
        coverage_penalty=beta,
        attended=lambda state: (state[3], state[2]),
    )


def cp(table, tokens, places, beta):
    covered, last = np.zeros(places), START
    for position, token in enumerate(tokens):
        covered += table[position, last, :places]
        last = token
    return beta * np.log(np.minimum(covered, 1)).sum()


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.3), (0.2, 0.2), (1.0, 2.0)])
def test_a_beam_as_wide_as_all_prefixes_is_exhaustive(alpha, beta):
    logits, table = tables(0, rows=4), looks(1, rows=4)
    found = search(logits, table, SOURCE_LENGTHS, beam=ALL, best=5, alpha=alpha, beta=beta)
    plain = search(logits, table, SOURCE_LENGTHS, beam=ALL, best=5, alpha=alpha, beta=0.0)
    for row in range(4):
        scored = [
            (
                log_prob(logits[row], tokens) / lp(len(tokens), alpha)
                + cp(table[row], tokens, SOURCE_LENGTHS[row], beta),
                tokens,
            )
            for tokens in sequences()
        ]
        for rank, (score, tokens) in enumerate(sorted(scored, reverse=True)[:5]):
            assert found.tokens[row, rank].tolist() == padded(tokens)
            np.testing.assert_allclose(found.scores[row, rank], score, **FLOAT32)
            np.testing.assert_allclose(
                found.log_probs[row, rank], log_prob(logits[row], tokens), **FLOAT32
            )
    assert np.any(found.tokens != plain.tokens)


def test_a_batch_gives_what_its_rows_give():
    logits, table = tables(1, rows=4, sharpness=3.0), looks(2, rows=4)
    together = search(logits, table, SOURCE_LENGTHS, beam=3, best=3)
    for row in range(4):
        here = slice(row, row + 1)
        alone = search(logits[here], table[here], SOURCE_LENGTHS[here], beam=3, best=3)
        for name, whole, single in zip(together._fields, together, alone, strict=True):
            np.testing.assert_array_equal(whole[row], single[0], err_msg=name)


def test_what_the_longest_length_cuts_is_ranked_by_its_score():
    """END never comes: the likelier word looks at one place only, the other one at all."""
    logits = np.full((1, LENGTH, WORDS, WORDS), -np.inf, np.float32)
    logits[..., 2], logits[..., 3] = 0.1, 0.0
    table = np.zeros((1, LENGTH, WORDS, PLACES), np.float32)
    table[..., 0] = 1
    table[:, :, 3] = 1 / PLACES
    found = search(logits, table, np.array([PLACES]), beam=16, best=3, beta=5.0)
    assert not found.finished.any()
    assert found.tokens[0, 0, :-1].tolist() == [3] * (LENGTH - 1)
    assert np.all(np.diff(found.scores[0]) <= 0)


def test_a_source_that_is_never_looked_at_ranks_as_without_one():
    logits, nothing = tables(3, rows=2), np.zeros((2, LENGTH, WORDS, PLACES), np.float32)
    found = search(logits, nothing, SOURCE_LENGTHS[:2], beam=3, best=2)
    expected = search(logits, nothing, SOURCE_LENGTHS[:2], beam=3, best=2, beta=0.0)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    assert np.isfinite(found.scores).all()


def test_what_no_step_changes_stays_where_it_is():
    """The tables are not read again for beams that change places: what is gathered is smaller."""
    logits = tables(0, rows=4)
    compiled = search.lower(logits, looks(0, rows=4), SOURCE_LENGTHS, beam=3).compile()
    gathered = loop_shapes(compiled, "gather")
    largest = max(np.prod(shape, dtype=int) for shape in gathered)
    assert largest < logits.size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coverage_penalty": -0.1, "attended": lambda state: state}, "beta >= 0"),
        ({"coverage_penalty": 0.1}, "Give attended"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        beam_search(step, jnp.zeros(2), start=START, end=END, max_length=3, **options)
