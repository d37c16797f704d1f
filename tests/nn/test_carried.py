"""States between windows: they are kept, are no parameters, and let no gradient pass."""

import jax
import numpy as np
import pytest
from flax import nnx

from nnarch.nn import GRU, LSTM
from nnarch.nn.carried import CarriedStates


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_what_is_kept_is_read_and_no_gradient_passes(kind):
    layers = [kind(4, 6, key=jax.random.key(0)), kind(6, 3, key=jax.random.key(1))]
    graph, state = nnx.split(CarriedStates(layers, 2))

    def after(xs):
        carried = nnx.merge(graph, state, copy=True)
        carried.keep(jax.tree.map(lambda part: part + xs, carried.read(layers)))
        return sum(part.sum() for part in jax.tree.leaves(carried.read(layers)))

    total, gradient = jax.value_and_grad(after)(1.0)
    assert total == 2 * (6 + 3) * len(kind.State._fields)
    assert gradient == 0


def test_they_are_states_of_their_layers_and_no_parameters():
    layers = [LSTM(4, 6, key=jax.random.key(0)), GRU(6, 3, key=jax.random.key(1))]
    carried = CarriedStates(layers, 2)
    assert [type(each) for each in carried.read(layers)] == [LSTM.State, GRU.State]
    assert not jax.tree.leaves(nnx.state(carried, nnx.Param))
    np.testing.assert_array_equal(carried.read(layers)[1].h, np.zeros((2, 3)))
