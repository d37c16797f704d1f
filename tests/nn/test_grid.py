"""Grid layers give what their kernels give."""

import jax
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.kernels import GridState
from nnarch.nn import GridLSTM1D, GridLSTM2D

KEY = jax.random.key(0)


def state(*shape):
    return GridState(*jax.random.normal(jax.random.key(1), (2, *shape)))


def assert_equal(got, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), got, expected)


@pytest.mark.parametrize("tied", [True, False])
def test_layers_are_their_kernels(tied):
    layers = {"layers": 3} if tied else {}
    own = None if tied else 3
    params = kernels.init_grid_lstm(KEY, 4, dimensions=("lstm",), layers=own)
    found = GridLSTM1D(4, 3, tied=tied, key=KEY)(state(2, 4))
    assert_equal(found, kernels.grid_lstm_1d(params, state(2, 4), **layers))

    kinds = ("lstm", "tanh")
    params = kernels.init_grid_lstm(KEY, 4, dimensions=kinds, layers=own)
    module = GridLSTM2D(4, 3, kinds, tied=tied, priority=1, key=KEY)
    xs, initial, lengths = state(2, 5, 4), state(2, 3, 4), np.array([5, 2])
    found = module(xs, initial, lengths=lengths)
    expected = kernels.grid_lstm_2d(
        params, xs, initial, lengths=lengths, dimensions=kinds, priority=1, **layers
    )
    assert_equal(found, expected)


def test_parameters_are_named_by_their_dimension():
    state = nnx.state(GridLSTM2D(4, 3, tied=False, key=KEY), nnx.Param)
    shapes = {name: leaf[...].shape for name, leaf in state.items()}
    assert shapes == {"w_0": (3, 8, 16), "w_1": (3, 8, 16), "b_0": (3, 16), "b_1": (3, 16)}
