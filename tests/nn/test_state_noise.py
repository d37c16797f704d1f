"""LSTM variants as layers, and stacks whose states are noisy or begin anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.nn import GRU, LSTM, Bidirectional, LayerNormLSTM, PeepholeLSTM, Stacked, StateNoise

KEY = jax.random.key(0)
XS = jax.random.normal(jax.random.key(1), (3, 5, 4))
LENGTHS = jnp.array([5, 3, 0])
STARTS = jnp.zeros((3, 5), bool).at[:, 2].set(True)


def assert_equal(got, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), got, expected)


@pytest.mark.parametrize(
    ("layer", "kernel", "init"),
    [
        (PeepholeLSTM, kernels.peephole_lstm, kernels.init_peephole_lstm),
        (LayerNormLSTM, kernels.layer_norm_lstm, kernels.init_layer_norm_lstm),
    ],
)
def test_a_variant_is_its_kernel(layer, kernel, init):
    module = layer(4, 6, key=KEY)
    options = {"lengths": LENGTHS, "starts": STARTS, "zoneout": kernels.LSTMState(None, 0.2)}
    assert_equal(module(XS, **options), kernel(init(KEY, 4, 6), XS, **options))
    both = Bidirectional(module, layer(4, 6, key=KEY))
    assert_equal(both(XS)[0][..., :6], module(XS)[0])
    assert len(jax.tree.leaves(nnx.state(module, nnx.Param))) == len(module.params)


def stack(noise):
    below = Bidirectional(LSTM(4, 3, key=KEY), LSTM(4, 3, key=jax.random.key(2)))
    return Stacked([below, LSTM(6, 6, key=KEY)], noise=noise)


@pytest.mark.parametrize("noise", [StateNoise(0.5), StateNoise(0.0, (0.3, 0.5))])
def test_noise_needs_a_key_and_is_anothers_with_another(noise):
    module = stack(noise)
    once, again, other = (module(XS, key=jax.random.key(n))[0] for n in (1, 1, 2))
    assert_equal(once, again)
    assert not np.allclose(once, other)
    assert not np.allclose(once, stack(StateNoise())(XS)[0])


def test_in_evaluation_nothing_is_dropped_and_rates_are_kept():
    assert_equal(stack(StateNoise(0.5))(XS), stack(StateNoise())(XS))
    module = Stacked([LSTM(4, 6, key=KEY)], noise=StateNoise(0.5, (0.1, 0.2)))
    expected = module.layers[0](XS, zoneout=kernels.LSTMState(0.1, 0.2))
    assert_equal(module(XS)[0], expected[0])


def test_each_layer_begins_anew_where_a_sequence_starts():
    module = Stacked([LSTM(4, 6, key=KEY), GRU(6, 6, key=KEY)])
    ys, states = module(XS, starts=STARTS)
    behind, last = module(XS[:, 2:])
    assert_equal(ys[:, 2:], behind)
    assert_equal(states, last)


def test_not_a_rate_for_each_part_is_refused():
    with pytest.raises(ValueError, match="a zoneout rate for each of"):
        Stacked([GRU(4, 6, key=KEY)], noise=StateNoise(0.0, (0.1, 0.2)))(XS)


def test_gradients_pass_through_split_jit_and_merge():
    graph, params = nnx.split(stack(StateNoise(0.2, (0.1, 0.1))))

    @jax.jit
    @jax.grad
    def gradient(params):
        ys, _ = nnx.merge(graph, params)(XS, lengths=LENGTHS, starts=STARTS, key=KEY)
        return jnp.sum(ys**2)

    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient(params)))


def test_rates_are_shares_and_may_be_whole():
    """A rate of 0 or 1 is one in evaluation too."""
    module = Stacked([LSTM(4, 6, key=KEY)], noise=StateNoise(zoneout_rates=(0, 1)))
    expected = module.layers[0](XS, zoneout=kernels.LSTMState(0.0, 1.0))
    assert_equal(module(XS)[0], expected[0])
    for wrong in (-0.1, 1.5, np.float32(2)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            Stacked([LSTM(4, 6, key=KEY)], noise=StateNoise(zoneout_rates=(0.1, wrong)))(XS)
        with pytest.raises(ValueError, match="from 0 to 1"):
            module.layers[0](XS, zoneout=kernels.LSTMState(0.1, wrong))
