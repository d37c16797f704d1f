"""The ranking loss against a float64 loop over pairs, and what true matches must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from oracles.ranking import ranking_loss as by_hand
from tolerances import FLOAT32, FLOAT64, FLOAT64_DIFFERENCES

from nnarch.losses import ranking_loss

NEGATIVES = ["all", "hardest"]


@pytest.fixture
def case():
    """Six unit vectors a side; queries 0 and 3 share a key, key 4 also answers query 2."""
    rng = np.random.default_rng(0)
    queries, keys = rng.normal(size=(2, 6, 4))
    queries, keys = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (queries, keys))
    keys[3] = keys[0]
    matches = np.eye(6, dtype=bool)
    matches[0, 3] = matches[3, 0] = matches[2, 4] = True
    return queries, keys, matches


@pytest.mark.parametrize("margin", [0.2, 1.5])
@pytest.mark.parametrize("negatives", NEGATIVES)
def test_agrees_with_the_loop(case, negatives, margin):
    with jax.enable_x64(True):
        found = ranking_loss(*map(jnp.asarray, case), margin=margin, negatives=negatives)
        assert found.total.dtype == found.weight.dtype == jnp.float64
        np.testing.assert_allclose(found.total, by_hand(*case, margin, negatives), **FLOAT64)
        assert found.weight == 6
        assert found.total > 0


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_gradients(case, negatives):
    queries, keys, matches = case

    def total(queries, keys):
        return ranking_loss(queries, keys, jnp.asarray(matches), negatives=negatives).total

    with jax.enable_x64(True):
        check_grads(
            total,
            (jnp.asarray(queries), jnp.asarray(keys)),
            order=1,
            modes=["rev"],
            **FLOAT64_DIFFERENCES,
        )


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_a_match_is_never_a_negative(case, negatives):
    """Query 2 and key 4 may come as near as they like."""
    queries, keys, matches = case
    nobody = np.eye(6, dtype=bool)
    keys[4] = queries[2]
    with_it = ranking_loss(*map(jnp.float32, (queries, keys)), matches, negatives=negatives)
    without = ranking_loss(*map(jnp.float32, (queries, keys)), nobody, negatives=negatives)
    assert with_it.total < without.total
    gradient = jax.grad(
        lambda row: (
            ranking_loss(
                jnp.float32(queries).at[2].set(row), jnp.float32(keys), matches, negatives=negatives
            ).total
        )
    )(jnp.float32(queries[2]))
    moved = keys.copy()
    moved[4] = 0
    with_it_away = jax.grad(
        lambda row: (
            ranking_loss(
                jnp.float32(queries).at[2].set(row),
                jnp.float32(moved),
                matches,
                negatives=negatives,
            ).total
        )
    )(jnp.float32(queries[2]))
    np.testing.assert_allclose(gradient, with_it_away, **FLOAT32)


def test_a_query_counts_as_its_own_match_whatever_is_said(case):
    queries, keys, _ = case
    nothing = np.zeros((6, 6), bool)
    got, expected = (
        ranking_loss(jnp.float32(queries), jnp.float32(keys), each).total
        for each in (nothing, np.eye(6, dtype=bool))
    )
    assert got == expected


def test_what_is_a_margin_apart_costs_nothing():
    eye = jnp.eye(4)
    found = ranking_loss(eye, eye, jnp.eye(4, dtype=bool), margin=0.99)
    assert found.total == 0


def test_bfloat16_is_summed_in_float32(case):
    queries, keys, matches = case
    half = [jnp.asarray(each, jnp.bfloat16) for each in (queries, keys)]
    found = ranking_loss(*half, matches)
    assert found.total.dtype == jnp.float32
    exact = [np.asarray(each, np.float64) for each in half]
    np.testing.assert_allclose(found.total, by_hand(*exact, matches, 0.2, "all"), **FLOAT32)


def test_a_wrong_shape_or_option_names_the_remedy(case):
    queries, keys, matches = (jnp.asarray(each) for each in case)
    with pytest.raises(ValueError, match="Pass a key for each query"):
        ranking_loss(queries, keys[:5], matches)
    with pytest.raises(ValueError, match="Pass a key for each query"):
        ranking_loss(queries, keys, matches[:5])
    with pytest.raises(ValueError, match="all or hardest"):
        ranking_loss(queries, keys, matches, negatives="some")
    with pytest.raises(ValueError, match="above 0"):
        ranking_loss(queries, keys, matches, margin=0.0)


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_no_pairs_cost_nothing(negatives):
    nothing = jnp.zeros((0, 4)), jnp.zeros((0, 4)), jnp.zeros((0, 0), bool)
    assert ranking_loss(*nothing, negatives=negatives) == (0, 0)
