"""Beam search against exhaustive and greedy search over small tables of log-probabilities."""

import math
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import bodies
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


def search(logits, *, beam=3, best=1, length_penalty=0.0):
    """All rows at once, under jit."""
    return jax.tree.map(np.asarray, _search(logits, beam, best, length_penalty))


@partial(jax.jit, static_argnames=("beam", "best", "length_penalty"))
def _search(logits, beam, best, length_penalty):
    return beam_search(
        step,
        (logits, jnp.zeros(len(logits), jnp.int32)),
        start=START,
        end=END,
        max_length=LENGTH,
        beam=beam,
        best=best,
        length_penalty=length_penalty,
    )


def exhaustive(table, alpha, best):
    scored = [(log_prob(table, tokens) / lp(len(tokens), alpha), tokens) for tokens in sequences()]
    return sorted(scored, reverse=True)[:best]


def greedy(table):
    tokens, last = [], START
    while len(tokens) < LENGTH and last != END:
        last = int(np.argmax(table[len(tokens), last]))
        tokens.append(last)
    return tokens


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_all_prefixes_is_exhaustive(alpha):
    logits = tables(0, rows=6)
    found = search(logits, beam=WORDS * (WORDS - 1) ** 3, best=5, length_penalty=alpha)
    for row, table in enumerate(logits):
        expected = exhaustive(table, alpha, best=5)
        for rank, (score, tokens) in enumerate(expected):
            assert found.tokens[row, rank].tolist() == padded(tokens)
            assert found.lengths[row, rank] == len(tokens)
            np.testing.assert_allclose(found.scores[row, rank], score, **FLOAT32)
            np.testing.assert_allclose(
                found.log_probs[row, rank], score * lp(len(tokens), alpha), **FLOAT32
            )
    assert found.finished.all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), sharpness=st.sampled_from([0.3, 1.0, 4.0]))
def test_a_beam_of_one_is_greedy(seed, sharpness):
    logits = tables(seed, rows=8, sharpness=sharpness)
    found = search(logits, beam=1)
    for row, table in enumerate(logits):
        expected = greedy(table)
        assert found.tokens[row, 0].tolist() == padded(expected)
        assert found.finished[row, 0] == (expected[-1] == END)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_batch_gives_what_its_rows_give(alpha):
    logits = tables(1, rows=8, sharpness=3.0)
    together = search(logits, beam=3, best=2, length_penalty=alpha)
    for row in range(len(logits)):
        alone = search(logits[row : row + 1], beam=3, best=2, length_penalty=alpha)
        for name, whole, single in zip(together._fields, together, alone, strict=True):
            np.testing.assert_array_equal(whole[row], single[0], err_msg=name)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.sampled_from([0.0, 0.7, 1.5]))
def test_stopping_early_changes_nothing(seed, alpha):
    """The same search by hand, which never stops before the longest length."""
    logits = tables(seed, rows=4, sharpness=2.0)
    found = search(logits, beam=3, best=2, length_penalty=alpha)
    for row, table in enumerate(logits):
        expected = beam_by_hand(table, beam=3, alpha=alpha)[:2]
        assert [found.tokens[row, rank].tolist() for rank in range(len(expected))] == [
            padded(tokens) for _, tokens in expected
        ]


def beam_by_hand(table, beam, alpha):
    live, done = [()], []
    for n in range(1, LENGTH + 1):
        grown = [(*prefix, token) for prefix in live for token in range(WORDS)]
        grown.sort(key=lambda tokens: -log_prob(table, tokens))
        ended = [tokens for tokens in grown[:beam] if tokens[-1] == END]
        done += [(log_prob(table, tokens) / lp(n, alpha), tokens) for tokens in ended]
        live = [tokens for tokens in grown if tokens[-1] != END][:beam]
    done.sort(reverse=True)
    return done + [(log_prob(table, tokens) / lp(LENGTH, alpha), tokens) for tokens in live]


def test_a_finished_hypothesis_is_overtaken_by_a_longer_one():
    """log .4 for END at once; log .36 for a longer one, which a penalty of 1 puts in front."""
    table = np.full((1, LENGTH, WORDS, WORDS), -np.inf, np.float32)
    table[0, 0, START, [END, 2, 3]] = np.log([0.4, 0.36, 0.24])
    table[0, 1:, 2, 2] = 0
    table[0, 3, 2] = [-np.inf, 0, -np.inf, -np.inf]
    table[0, 1:, 3, END] = 0
    plain = search(table, beam=2)
    assert plain.tokens[0, 0].tolist() == [END, 0, 0, 0]
    penalised = search(table, beam=2, length_penalty=1.0)
    assert penalised.tokens[0, 0].tolist() == [2, 2, 2, END]
    np.testing.assert_allclose(penalised.scores[0, 0], math.log(0.36) / (9 / 6), **FLOAT32)


def test_the_loop_stops_when_nothing_can_win():
    """Each call of step is counted on the host: END is certain at the second token."""
    calls = []

    def counted(state, tokens):
        jax.debug.callback(lambda: calls.append(1))
        logits = jnp.where(
            state[:, None] > 0, jnp.array([-50.0, 0, -50, -50]), jnp.array([0.0, -50, -50, -50])
        )
        return logits, state + 1

    found = beam_search(
        counted, jnp.zeros(2, jnp.int32), start=START, end=END, max_length=30, length_penalty=1.0
    )
    jax.effects_barrier()
    assert found.lengths.tolist() == [[2], [2]]
    assert len(calls) == 2


def test_what_the_longest_length_cuts_ranks_behind_and_is_marked():
    table = np.full((1, LENGTH, WORDS, WORDS), -20.0, np.float32)
    table[..., 2] = 0.0
    table[..., END] = -np.inf
    found = search(table, beam=3, best=3)
    assert found.finished[0].tolist() == [False, False, False]
    assert found.tokens[0, 0].tolist() == [2, 2, 2, 2]
    assert found.lengths[0].tolist() == [LENGTH] * 3


def test_ties_go_to_the_lower_token_and_to_what_was_found_first():
    found = search(np.zeros((1, LENGTH, WORDS, WORDS), np.float32), beam=4, best=2)
    assert found.tokens[0].tolist() == [[END, 0, 0, 0], [0, END, 0, 0]]


def test_hypotheses_that_do_not_exist_are_empty():
    table = np.full((1, LENGTH, WORDS, WORDS), -np.inf, np.float32)
    table[..., END] = 0
    found = search(table, beam=3, best=2)
    assert found.lengths.tolist() == [[1, 0]]
    assert found.scores.tolist() == [[0, -np.inf]]
    assert found.tokens[0, 1].tolist() == [0] * LENGTH


def test_not_a_number_is_never_chosen():
    table = np.zeros((2, LENGTH, WORDS, WORDS), np.float32)
    table[0] = np.nan
    found = search(table, beam=2)
    assert found.scores[0, 0] == -np.inf
    assert found.lengths[1, 0] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "1 <= best <= beam"),
        ({"beam": 2, "best": 3}, "1 <= best <= beam"),
        ({"length_penalty": -0.5}, "alpha >= 0"),
        ({"length_penalty": math.nan}, "alpha >= 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        search(tables(0, rows=1), **options)


def test_a_state_without_a_common_batch_axis_is_refused():
    with pytest.raises(ValueError, match="batch as its first axis"):
        beam_search(step, (jnp.zeros((2, 3)), jnp.zeros(3)), start=0, end=1, max_length=2)
    with pytest.raises(ValueError, match="batch as its first axis"):
        beam_search(step, jnp.float32(0), start=0, end=1, max_length=2)


def test_logits_of_a_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"logits \[6, V\]"):
        beam_search(lambda s, t: (jnp.zeros((2, 5)), s), jnp.zeros(2), start=0, end=1, max_length=2)


def test_a_token_of_not_a_number_alone_is_left_out():
    def step(state, tokens):
        return jnp.asarray([[1.0, jnp.nan, 0.0, -1.0]]), state

    (found,) = beam_search(step, jnp.zeros(1), start=0, end=3, max_length=1, beam=1).log_probs
    np.testing.assert_allclose(found, [jax.nn.log_softmax(jnp.asarray([1.0, 0.0, -1.0]))[0]])


def test_no_rows_are_searched():
    found = search(jnp.zeros((0, LENGTH, WORDS, WORDS)), beam=2, best=2)
    assert found.tokens.shape == (0, 2, LENGTH)


def test_rows_are_searched_where_they_lie():
    """Under shard_map each device searches its own rows, for as long as these need."""
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(8, LENGTH, WORDS, WORDS)))
    mesh, rows = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,)), P("data")
    each = partial(_search, beam=3, best=2, length_penalty=0.6)
    on_each = jax.shard_map(each, mesh=mesh, in_specs=(rows,), out_specs=rows)
    found, expected = jax.jit(on_each)(logits), each(logits)
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32)


def test_no_row_is_sorted_to_find_its_largest():
    """A CPU has a top_k that is a hundred times as fast, if nothing hides it from the compiler."""
    if jax.default_backend() != "cpu":
        pytest.skip("other backends have a top_k of their own")
    logits = jnp.asarray(tables(0, 4))
    program = _search.lower(logits, beam=3, best=2, length_penalty=0.6).compile()
    loops = bodies(program)
    assert any('custom_call_target="TopK"' in loop for loop in loops)
    assert not any(re.search(r" sort\(", loop) for loop in loops)


def test_infinity_is_the_largest_number():
    table = np.zeros((1, LENGTH, WORDS, WORDS), np.float32)
    table[..., 3] = np.inf
    found = search(table, beam=2)
    assert found.tokens[0, 0].tolist() == [3] * LENGTH
    assert found.log_probs[0, 0] == 0


@pytest.mark.parametrize("token", [1.0, -1])
def test_tokens_are_whole(token):
    state = jnp.zeros((1, LENGTH, WORDS, WORDS)), jnp.zeros(1, jnp.int32)
    with pytest.raises(ValueError, match="integers from 0"):
        beam_search(step, state, start=START, end=token, max_length=2)
