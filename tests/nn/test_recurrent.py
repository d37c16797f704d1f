"""Layers give what their kernels give, and survive split, jit, grad and merge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.nn import GRU, LSTM, Bidirectional, Elman, Stacked

KEY = jax.random.key(0)
LENGTHS = jnp.array([5, 3, 0])
XS = jax.random.normal(jax.random.key(1), (3, 5, 4))

KERNELS = {Elman: kernels.elman, LSTM: kernels.lstm, GRU: kernels.gru}
INITS = {Elman: kernels.init_elman, LSTM: kernels.init_lstm, GRU: kernels.init_gru}


def assert_equal(got, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), got, expected)


@pytest.mark.parametrize("layer", [Elman, LSTM, GRU])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_layer_is_its_kernel(layer, reverse):
    expected = KERNELS[layer](INITS[layer](KEY, 4, 6), XS, lengths=LENGTHS, reverse=reverse)
    assert_equal(layer(4, 6, key=KEY)(XS, lengths=LENGTHS, reverse=reverse), expected)


@pytest.mark.parametrize("layer", [Elman, LSTM, GRU])
def test_a_layer_takes_the_state_it_gave(layer):
    module = layer(4, 6, key=KEY)
    whole, final = module(XS)
    first, state = module(XS[:, :2])
    second, last = module(XS[:, 2:], state)
    assert_equal((jnp.concatenate([first, second], axis=1), last), (whole, final))


def test_gru_passes_the_place_of_its_reset_gate():
    ys, _ = GRU(4, 6, key=KEY, reset="before")(XS)
    expected, _ = kernels.gru(kernels.init_gru(KEY, 4, 6), XS, reset="before")
    assert_equal(ys, expected)


@pytest.mark.parametrize("layer", [Elman, LSTM, GRU])
def test_bidirectional_is_the_kernel(layer):
    forward, backward = layer(4, 6, key=KEY), layer(4, 6, key=jax.random.key(2))
    got = Bidirectional(forward, backward)(XS, lengths=LENGTHS)
    assert_equal(got[0][..., :6], forward(XS, lengths=LENGTHS)[0])
    assert_equal(got[0][..., 6:], backward(XS, lengths=LENGTHS, reverse=True)[0])


def test_bidirectional_refuses_two_kinds():
    with pytest.raises(ValueError, match="one kind"):
        Bidirectional(LSTM(4, 6, key=KEY), GRU(4, 6, key=KEY))
    with pytest.raises(ValueError, match="one kind of reset"):
        Bidirectional(GRU(4, 6, key=KEY), GRU(4, 6, key=KEY, reset="before"))


def stack(**options):
    layers = [LSTM(4, 6, key=KEY), GRU(6, 6, key=KEY), LSTM(6, 6, key=KEY)]
    return Stacked(layers, **options)


def test_stacked_layers_read_one_another():
    module = stack()
    ys, states = module(XS, lengths=LENGTHS)
    expected = XS
    for layer, state in zip(module.layers, states, strict=True):
        expected, expected_state = layer(expected, lengths=LENGTHS)
        assert_equal(state, expected_state)
    assert_equal(ys, expected)


def test_stacked_layers_take_the_states_they_gave():
    module = stack(residual_from=1)
    whole, _ = module(XS)
    first, states = module(XS[:, :2])
    second, _ = module(XS[:, 2:], states)
    assert_equal(jnp.concatenate([first, second], axis=1), whole)


def test_residuals_begin_where_they_are_told():
    module = stack(residual_from=2)
    below = module.layers[1](module.layers[0](XS)[0])[0]
    assert_equal(module(XS)[0], below + module.layers[2](below)[0])


def test_dropout_between_layers_needs_a_key_and_spares_the_top():
    module = stack(dropout_rate=0.5)
    plain, _ = module(XS)
    assert_equal(plain, stack()(XS)[0])
    once, again, other = (module(XS, key=jax.random.key(n))[0] for n in (1, 1, 2))
    assert_equal(once, again)
    assert not np.allclose(once, other)
    assert np.all(np.asarray(once) != 0)


def test_a_stack_says_what_does_not_fit():
    with pytest.raises(ValueError, match="3 layers; got 1 states"):
        stack()(XS, [None])
    with pytest.raises(ValueError, match="set residual_from above"):
        stack(residual_from=0)(XS)


def test_gradients_reach_every_parameter_through_split_jit_and_merge():
    directions = Bidirectional(LSTM(4, 3, key=KEY), LSTM(4, 3, key=jax.random.key(1)))
    module = Stacked([directions, GRU(6, 6, key=KEY)], dropout_rate=0.1, residual_from=1)
    graph, params = nnx.split(module)

    @jax.jit
    @jax.grad
    def gradient(params):
        ys, _ = nnx.merge(graph, params)(XS, lengths=LENGTHS, key=KEY)
        return jnp.sum(ys**2)

    leaves = jax.tree.leaves(gradient(params))
    assert len(leaves) == 3 + 3 + 4
    assert all(np.any(leaf != 0) for leaf in leaves)
