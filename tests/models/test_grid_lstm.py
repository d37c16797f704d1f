"""Grid nets and the nets beside them: shapes, equal parameters, what cannot be."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import pytest

from nnarch.models.grid_lstm import GridLSTMConfig, sequence_model, vector_model
from nnarch.nn.parameters import parameters_of

GRID = GridLSTMConfig(hidden=12, layers=3, peer_layers=2)


def of(kind, **others):
    return GridLSTMConfig(kind=kind, hidden=12, layers=3, **others)


@pytest.mark.parametrize("kind", ["grid", "stacked"])
def test_sequences_are_scored_at_their_last_steps(kind):
    model = sequence_model(of(kind), classes=7)(jax.random.key(0))
    inputs = jnp.array([[1, 2, 0, 0, 0], [3, 4, 0, 0, 0]])
    logits = model(inputs, 2)
    assert logits.shape == (2, 2, 7)
    changed = model(inputs.at[0, 0].set(5), 2)
    assert (jnp.abs(changed - logits).max(axis=(1, 2)) > 0).tolist() == [True, False]


@pytest.mark.parametrize("kind", ["grid", "feedforward"])
def test_bits_are_scored_at_once(kind):
    model = vector_model(of(kind), bits=9, classes=2)(jax.random.key(0))
    assert model(jnp.ones((4, 9), jnp.int32), 1).shape == (4, 1, 2)


@pytest.mark.parametrize("peer_layers", [1, 2, 5])
def test_the_nets_beside_have_as_many_parameters(peer_layers):
    def share(make, peer, **sizes):
        grid, other = (
            parameters_of(make(of(kind, peer_layers=peer_layers), **sizes))
            for kind in ("grid", peer)
        )
        return other / grid

    assert 0.9 < share(sequence_model, "stacked", classes=11) < 1.1
    assert 0.9 < share(vector_model, "feedforward", bits=9, classes=2) < 1.1


def test_tied_layers_cost_no_parameters():
    two, nine = (
        parameters_of(sequence_model(GridLSTMConfig(hidden=8, layers=n), classes=5)) for n in (2, 9)
    )
    assert two == nine
    untied = GridLSTMConfig(hidden=8, layers=9, tied=False)
    assert parameters_of(sequence_model(untied, classes=5)) > 6 * nine


def test_a_priority_dimension_changes_what_is_told():
    inputs = jnp.array([[1, 2, 0, 0]])
    logits = [
        sequence_model(of("grid", priority=each), classes=5)(jax.random.key(0))(inputs, 1)
        for each in ("none", "time", "depth")
    ]
    assert all(jnp.abs(a - b).max() > 0 for a, b in pairwise(logits))


def test_what_cannot_read_the_task_is_refused():
    with pytest.raises(ValueError, match="choose kind grid or stacked"):
        sequence_model(of("feedforward"), classes=5)
    with pytest.raises(ValueError, match="choose kind grid or feedforward"):
        vector_model(of("stacked"), bits=9, classes=2)
