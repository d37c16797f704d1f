"""Nets that remember: equal size, truncated gradients, and gradients by distance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32, FLOAT32_GRADIENT

from nnarch.models.memory_net import (
    MemoryNetConfig,
    RecurrentNet,
    Sizes,
    memory_net,
    state_gradients,
)
from nnarch.nn import LSTM, Elman
from nnarch.nn.parameters import parameters_of

KINDS = ("feedforward", "elman", "elman_truncated", "lstm", "gru", "gru_before")
ADDING, COPYING = Sizes(2, 1, 1), Sizes(10, 8, 10)
FRAMES = jax.ShapeDtypeStruct((3, 30, 10), jnp.float32)


def net_of(kind, sizes=ADDING, **others):
    return memory_net(MemoryNetConfig(kind=kind, hidden=6, **others), sizes)(jax.random.key(0))


def rows_of(sizes, steps=14, rows=3):
    return jax.random.normal(jax.random.key(1), (rows, steps, sizes.features))


def squares(net, inputs):
    return jnp.sum(net(inputs) ** 2)


def gradient(net, inputs, loss=squares):
    graph, params = nnx.split(net)
    leaves = jax.jit(jax.grad(lambda params: loss(nnx.merge(graph, params), inputs)))(params)
    return jax.tree.leaves(leaves)


def assert_close(some, others, tolerance=FLOAT32_GRADIENT):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def test_all_nets_are_of_one_size_and_answer_at_the_last_frames():
    for sizes in (ADDING, COPYING, Sizes(1, 2, 1)):
        counts = [parameters_of(memory_net(MemoryNetConfig(kind=kind), sizes)) for kind in KINDS]
        assert max(counts) < 1.05 * min(counts), sizes
    for kind in KINDS:
        create = memory_net(MemoryNetConfig(kind=kind), COPYING)
        told = jax.eval_shape(lambda key, xs: create(key)(xs), jax.random.key(0), FRAMES)  # noqa: B023
        assert told.shape == (3, 10, 8)


def test_a_feed_forward_net_sees_its_window_alone():
    net, inputs = net_of("feedforward", COPYING, window=4), rows_of(COPYING, 20)
    told = net(inputs)
    changed = jnp.abs(net(inputs.at[:, 12].add(1)) - told).max(axis=(0, 2)) > 0
    assert changed.tolist() == [False, False, *[True] * 4, *[False] * 4]  # frames 12 to 15 of 10..
    assert jnp.isfinite(net_of("feedforward", ADDING, window=40)(rows_of(ADDING))).all()


@pytest.mark.parametrize(("sizes", "window"), [(ADDING, 14), (COPYING, 40)])
def test_truncated_is_full_where_the_window_covers_the_sequence(sizes, window):
    inputs = rows_of(sizes, 14 if sizes is ADDING else 30)
    full, truncated = net_of("elman", sizes), net_of("elman_truncated", sizes, window=window)
    assert_close(gradient(truncated, inputs), gradient(full, inputs))


def test_truncated_takes_the_state_at_the_border_as_given():
    inputs = rows_of(ADDING)
    full, truncated = net_of("elman"), net_of("elman_truncated", window=5)
    np.testing.assert_allclose(full(inputs), truncated(inputs), **FLOAT32)
    _, given = full.recurrent(inputs[:, :-5])

    def from_the_border(net, inputs):
        ys, _ = net.recurrent(inputs[:, -5:], given)
        return jnp.sum(net.output(ys[:, -1:]) ** 2)

    found = gradient(truncated, inputs)
    assert_close(found, gradient(full, inputs, from_the_border))
    whole = gradient(full, inputs)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(found, whole, strict=True))


def test_every_window_in_which_something_is_asked_has_a_gradient():
    """Ten answers in windows of four: the borders stand 12, 8 and 4 frames before the end."""
    inputs, window = rows_of(COPYING, 30), 4
    full, truncated = net_of("elman", COPYING), net_of("elman_truncated", COPYING, window=window)
    np.testing.assert_allclose(full(inputs), truncated(inputs), **FLOAT32)
    states = [full.recurrent(inputs[:, :-before])[1] for before in (12, 8, 4)]

    def window_by_window(net, inputs):
        parts = (inputs[:, 18:22], inputs[:, 22:26], inputs[:, 26:])
        told = [net.recurrent(*each)[0] for each in zip(parts, states, strict=True)]
        return jnp.sum(net.output(jnp.concatenate(told, axis=1)[:, -10:]) ** 2)

    assert_close(gradient(truncated, inputs), gradient(full, inputs, window_by_window))


def test_the_gradient_of_a_diagonal_elman_net_is_a_power_of_its_weights():
    """With zeros to read, tanh is its tangent: h passes each step times w, and so does dh."""
    factors, weights = jnp.array([0.5, 0.9, 1.2]), jnp.array([1.0, -2.0, 3.0])
    layer = Elman(2, 3, key=jax.random.key(0))
    layer.w_h[...] = jnp.diag(factors)
    net = RecurrentNet(layer, ADDING, window=None, key=jax.random.key(0))
    net.output.w[...] = weights[:, None]
    found = state_gradients(net, jnp.zeros((2, 30, 2)), lambda told: jnp.sum(told))
    expected = weights * factors ** np.arange(31)[:, None]
    assert found.shape == (31, 2, 3)
    for row in range(2):
        np.testing.assert_allclose(found[:, row], expected, **FLOAT32)


@pytest.mark.parametrize("kind", ["lstm", "gru_before"])
def test_the_gradient_by_distance_is_that_of_the_rest_of_the_row(kind):
    """With regard to the state from which the last t steps begin."""
    net, inputs = net_of(kind), rows_of(ADDING, 6)

    @jax.jit
    def both(inputs):
        found = state_gradients(net, inputs, lambda told: jnp.sum(told**2))
        _, state = net.recurrent(inputs[:, :2])

        def of_the_rest(state):
            return jnp.sum(net.output(net.recurrent(inputs[:, 2:], state)[0][:, -1]) ** 2)

        return found, jnp.concatenate(jax.grad(of_the_rest)(state), axis=-1)

    found, expected = both(inputs)
    assert len(found) == 7
    np.testing.assert_allclose(found[4], expected, **FLOAT32_GRADIENT)


def test_no_border_of_windows_stops_the_gradient_by_distance():
    full, truncated = net_of("elman"), net_of("elman_truncated", window=3)
    found = [
        state_gradients(net, rows_of(ADDING), lambda told: jnp.sum(told**2))
        for net in (full, truncated)
    ]
    np.testing.assert_array_equal(*found)


def test_gates_are_set_to_span_a_time():
    plain, spanning = (net_of(kind := "lstm", span=span).recurrent for span in (0, 50))
    i, f, g, o = jnp.split(spanning.b[...], 4)
    assert isinstance(plain, LSTM), kind
    np.testing.assert_array_equal(i, -f)
    assert (f >= 0).all()
    assert f.max() <= np.log(50)
    assert len(set(f.tolist())) > 1
    np.testing.assert_array_equal(jnp.stack([g, o]), 0)
    np.testing.assert_array_equal(jnp.split(plain.b[...], 4)[1], 1)
    gates = jnp.split(net_of("gru", span=50).recurrent.b[...], 3)
    assert [bool(jnp.any(gate != 0)) for gate in gates] == [False, True, False]
    assert gates[1].min() >= 0
    with pytest.raises(ValueError, match="has none; leave it at 0"):
        net_of("elman", span=50)
