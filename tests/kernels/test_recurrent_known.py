"""Known answers of an LSTM from the test suites of ONNX Runtime and RETURNN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import Subject, assert_close, every_implementation
from tolerances import FLOAT32, PRINTED

from nnarch import kernels

# ONNX Runtime, deep_cpu_lstm, SimpleWeightsNoBias: one input, every recurrent weight 0.1.
W = {"i": [0.1, 0.2, 0.3], "o": [0.4, 1, 2], "f": [3, 4, 10], "g": [11, 12, 13]}
XS = np.array([[[1.0], [10.0]], [[2.0], [11.0]]], np.float32)  # batch first
ONE_STEP_H = [0.28828835, 0.36581863, 0.45679406]
ONE_STEP_C = [0.52497919, 0.549834, 0.57444252]
ANSWERS = {
    "forward": {
        "first": [ONE_STEP_H, [0.34526032, 0.47220859, 0.55850911]],
        "last": [[0.84196719, 0.89402526, 0.91073048], [0.85882828, 0.90703777, 0.92382453]],
        "c": [[1.27731147, 1.44181041, 1.53179041], [1.3249796, 1.51063104, 1.61451544]],
    },
    "reverse": {
        "first": [[0.55391603, 0.69201493, 0.82696019], [0.64046413, 0.82303363, 0.91610711]],
        "last": [[0.61249432, 0.70678632, 0.74094619], [0.62759886, 0.71640738, 0.74624585]],
        "c": [[1.27850552, 1.46799496, 1.57641257], [1.34960834, 1.54772296, 1.65633056]],
    },
}
one_way = pytest.mark.parametrize("direction", ANSWERS)


def onnx_params(w):
    """One gate beside another, in the order i, f, g, o."""
    columns = np.concatenate([w[gate] for gate in "ifgo"]).astype(np.float32)
    hidden = len(w["i"])
    return kernels.LSTMParams(
        columns[None],
        np.full((hidden, 4 * hidden), 0.1, np.float32),
        np.zeros(4 * hidden, np.float32),
    )


def known(direction):
    """(ys, state) of the whole rows."""
    answer = ANSWERS[direction]
    h = answer["last" if direction == "forward" else "first"]
    ys = np.stack([answer["first"], answer["last"]], axis=1)
    return ys, (np.array(h), np.array(answer["c"]))


@every_implementation
@one_way
def test_onnx_whole_rows(implementation, direction):
    found = Subject("lstm", direction, implementation).run(onnx_params(W), XS)
    assert_close(found, known(direction), PRINTED)


@every_implementation
def test_onnx_both_directions(implementation):
    params = (onnx_params(W), onnx_params(W))
    ys, states = Subject("lstm", "both", implementation).run(params, XS)
    expected, expected_states = zip(known("forward"), known("reverse"), strict=True)
    assert_close((ys, states), (np.concatenate(expected, axis=-1), expected_states), PRINTED)


@every_implementation
@one_way
@pytest.mark.parametrize(
    ("lengths", "h", "c"),
    [
        ([1, 2], ONE_STEP_H, ONE_STEP_C),
        ([2, 1], [0.34526032, 0.47220859, 0.55850911], [0.549834, 0.59868766, 0.64565631]),
    ],
)
def test_onnx_a_row_of_one_step(implementation, direction, lengths, h, c):
    """It is the same in both directions; the other row is as whole as before."""
    short, whole = np.argmin(lengths), np.argmax(lengths)
    found, state = Subject("lstm", direction, implementation).run(
        onnx_params(W), XS, lengths=np.array(lengths)
    )
    expected = np.array(h), np.array(h), np.array(c)
    assert_close((found[short, 0], state.h[short], state.c[short]), expected, PRINTED)
    np.testing.assert_array_equal(found[short, 1], 0)
    ys, (h, c) = known(direction)
    assert_close(
        (found[whole], state.h[whole], state.c[whole]), (ys[whole], h[whole], c[whole]), PRINTED
    )


@every_implementation
def test_onnx_two_units(implementation):
    params = onnx_params({"i": [0.1, 0.2], "o": [0.3, 0.4], "f": [1, 2], "g": [3, 4]})
    xs = np.array([[[1.0], [2.0]]], np.float32)
    ys, state = Subject("lstm", "forward", implementation).run(params, xs)
    expected = np.array([[[0.27546653, 0.29941525], [0.50903179, 0.57476457]]])
    assert_close((ys, state.c), (expected, np.array([[1.02721067, 1.15254318]])), PRINTED)


@every_implementation
def test_returnn_one_step_and_its_analytic_gradient(implementation):
    """All weights 1, x = 0.2, b = 0.3, h = c = 0.1: every gate's argument is v = 0.6."""
    x, y0, c0, dy, dd = 0.2, 0.1, 0.1, 1.5, 1.2
    found, (dparams, dxs, dinitial) = _returnn(implementation, x, y0, c0, dy, dd)
    assert_close(found, (0.2515404146, 0.2515404146, 0.4113150703), PRINTED)

    gate, g, tanh_c = 1 / (1 + np.exp(-0.6)), np.tanh(0.6), np.tanh(0.4113150703)
    slope = gate * (1 - gate)
    do = slope * tanh_c * dy
    dc = (1 - tanh_c**2) * gate * dy + dd
    dg, di, df = (1 - g**2) * gate * dc, slope * g * dc, slope * c0 * dc
    dz = np.array([di, df, dg, do])
    assert_close(dparams, (x * dz[None], y0 * dz[None], dz), FLOAT32)
    assert_close((dxs, *dinitial), (dz.sum(), dz.sum(), gate * dc), FLOAT32)


def _returnn(implementation, x, y0, c0, dy, dd):
    params = kernels.LSTMParams(jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.full(4, 0.3))
    state = kernels.LSTMState(jnp.full((1, 1), y0), jnp.full((1, 1), c0))
    subject = Subject("lstm", "forward", implementation)
    with subject.products():
        found, pull = jax.vjp(subject.run, params, jnp.full((1, 1, 1), x), state)
        zero = jnp.zeros((1, 1))
        gradients = pull((jnp.full((1, 1, 1), dy), kernels.LSTMState(zero, jnp.full((1, 1), dd))))
    return jax.tree.map(jnp.squeeze, found), (
        gradients[0],
        *jax.tree.map(jnp.squeeze, gradients[1:]),
    )
