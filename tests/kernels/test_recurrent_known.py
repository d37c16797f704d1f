"""Known answers from the test suites of ONNX Runtime, Keras and RETURNN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import IMPLEMENTATIONS
from tolerances import PRINTED

from nnarch import kernels

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)

# ONNX Runtime, deep_cpu_lstm, SimpleWeightsNoBias: gates i, o, f, c with one input weight a unit.
ONNX_W = np.array([[0.1, 0.2, 0.3], [0.4, 1, 2], [3, 4, 10], [11, 12, 13]], np.float32)
ONNX_XS = np.array([[[1.0], [10.0]], [[2.0], [11.0]]], np.float32)  # batch first


def onnx_params(w):
    i, o, f, c = w
    hidden = w.shape[1]
    return kernels.LSTMParams(
        jnp.concatenate([i, f, c, o])[None],
        jnp.full((hidden, 4 * hidden), 0.1),
        jnp.zeros(4 * hidden),
    )


@every_implementation
def test_onnx_forward(implementation):
    ys, (h, c) = kernels.lstm(onnx_params(ONNX_W), ONNX_XS, implementation=implementation)
    first = [[0.28828835, 0.36581863, 0.45679406], [0.34526032, 0.47220859, 0.55850911]]
    last = [[0.84196719, 0.89402526, 0.91073048], [0.85882828, 0.90703777, 0.92382453]]
    cells = [[1.27731147, 1.44181041, 1.53179041], [1.3249796, 1.51063104, 1.61451544]]
    np.testing.assert_allclose(ys, np.stack([first, last], axis=1), **PRINTED)
    np.testing.assert_allclose(h, last, **PRINTED)
    np.testing.assert_allclose(c, cells, **PRINTED)


@every_implementation
def test_onnx_reverse(implementation):
    ys, (h, c) = kernels.lstm(
        onnx_params(ONNX_W), ONNX_XS, reverse=True, implementation=implementation
    )
    first = [[0.55391603, 0.69201493, 0.82696019], [0.64046413, 0.82303363, 0.91610711]]
    last = [[0.61249432, 0.70678632, 0.74094619], [0.62759886, 0.71640738, 0.74624585]]
    cells = [[1.27850552, 1.46799496, 1.57641257], [1.34960834, 1.54772296, 1.65633056]]
    np.testing.assert_allclose(ys, np.stack([first, last], axis=1), **PRINTED)
    np.testing.assert_allclose(h, first, **PRINTED)
    np.testing.assert_allclose(c, cells, **PRINTED)


@every_implementation
@pytest.mark.parametrize("reverse", [False, True])
def test_onnx_lengths(implementation, reverse):
    ys, (h, c) = kernels.lstm(
        onnx_params(ONNX_W),
        ONNX_XS,
        lengths=np.array([1, 2]),
        reverse=reverse,
        implementation=implementation,
    )
    np.testing.assert_array_equal(ys[0, 1], 0)
    np.testing.assert_allclose(h[0], [0.28828835, 0.36581863, 0.45679406], **PRINTED)
    np.testing.assert_allclose(c[0], [0.52497919, 0.549834, 0.57444252], **PRINTED)


@every_implementation
def test_onnx_two_units(implementation):
    w = np.array([[0.1, 0.2], [0.3, 0.4], [1, 2], [3, 4]], np.float32)
    xs = np.array([[[1.0], [2.0]]], np.float32)
    ys, (_, c) = kernels.lstm(onnx_params(w), xs, implementation=implementation)
    expected = [[[0.27546653, 0.29941525], [0.50903179, 0.57476457]]]
    np.testing.assert_allclose(ys, expected, **PRINTED)
    np.testing.assert_allclose(c, [[1.02721067, 1.15254318]], **PRINTED)


# Keras: kernel 0.01, recurrent 0.02, bias 0.03 (two of 0.03 with reset_after), forget bias 1.
def keras_lstm(inputs, hidden, *, forget=1.0, bias=0.03):
    b = jnp.full((4, hidden), bias).at[1].set(forget).reshape(-1)
    return kernels.LSTMParams(
        jnp.full((inputs, 4 * hidden), 0.01), jnp.full((hidden, 4 * hidden), 0.02), b
    )


def keras_gru(inputs, hidden, *, reset, bias=0.03):
    both = jnp.full((3, hidden), bias)
    b = both.at[:2].multiply(2) if reset == "after" else both
    return kernels.GRUParams(
        jnp.full((inputs, 3 * hidden), 0.01),
        jnp.full((hidden, 3 * hidden), 0.02),
        b.reshape(-1),
        jnp.full(hidden, bias if reset == "after" else 0.0),
    )


def counting(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@every_implementation
@pytest.mark.parametrize(
    ("options", "reverse", "expected"),
    [
        ({}, False, [0.6288687, 0.8689914, 0.9460773]),
        ({}, True, [0.3562216, 0.7478953, 0.8872726]),
        ({"forget": 0.03}, False, [0.5701970, 0.8661915, 0.9459622]),
        ({"forget": 0.0, "bias": 0.0}, False, [0.5498692, 0.8622679, 0.9443935]),
    ],
)
def test_keras_lstm(implementation, options, reverse, expected):
    params, xs = keras_lstm(4, 3, **options), counting(3, 6, 4)
    _, (h, _) = kernels.lstm(params, xs, reverse=reverse, implementation=implementation)
    np.testing.assert_allclose(h, np.tile(np.array(expected)[:, None], 3), **PRINTED)


@every_implementation
def test_keras_lstm_carries_its_state(implementation):
    params, xs = keras_lstm(4, 4), counting(2, 3, 4)
    _, state = kernels.lstm(params, xs, implementation=implementation)
    _, (h, _) = kernels.lstm(params, xs, state, implementation=implementation)
    np.testing.assert_allclose(h[:, 0], [0.3124786, 0.6863671], **PRINTED)


@every_implementation
@pytest.mark.parametrize(
    ("reverse", "expected"),
    [
        (False, [[0.2057444, 0.3558822], [0.6493083, 0.66276]]),
        (True, [[0.1328162, 0.2790356], [0.5839338, 0.5992567]]),
    ],
)
def test_keras_lstm_initial_state(implementation, reverse, expected):
    start = counting(2, 2)
    _, (h, _) = kernels.lstm(
        keras_lstm(3, 2),
        counting(2, 4, 3),
        kernels.LSTMState(start, start),
        reverse=reverse,
        implementation=implementation,
    )
    np.testing.assert_allclose(h, expected, **PRINTED)


@every_implementation
@pytest.mark.parametrize(
    ("reset", "options", "reverse", "expected"),
    [
        ("after", {}, False, [0.5217289, 0.6371660, 0.3938496]),
        ("after", {}, True, [0.2440626, 0.6115160, 0.3928808]),
        ("before", {}, False, [0.5144776, 0.6426879, 0.4020829]),
        ("after", {"bias": 0.0}, False, [0.4998846, 0.6470120, 0.4103359]),
    ],
)
def test_keras_gru(implementation, reset, options, reverse, expected):
    params, xs = keras_gru(4, 3, reset=reset, **options), counting(3, 6, 4)
    _, (h,) = kernels.gru(params, xs, reset=reset, reverse=reverse, implementation=implementation)
    np.testing.assert_allclose(h, np.tile(np.array(expected)[:, None], 3), **PRINTED)


@every_implementation
def test_keras_gru_initial_state(implementation):
    state = kernels.GRUState(counting(2, 2))
    params, xs = keras_gru(3, 2, reset="after"), counting(2, 4, 3)
    _, (h,) = kernels.gru(params, xs, state, implementation=implementation)
    np.testing.assert_allclose(h, [[0.237741, 0.3350846], [0.8365991, 1.0227708]], **PRINTED)


def test_returnn_one_step_and_its_analytic_gradient():
    """All weights 1, x = 0.2, b = 0.3, h = c = 0.1: every gate's argument is 0.6."""
    params = kernels.LSTMParams(jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.full(4, 0.3))
    state = kernels.LSTMState(jnp.full((1, 1), 0.1), jnp.full((1, 1), 0.1))
    xs = jnp.full((1, 1, 1), 0.2)

    def run(params, xs, state):
        ys, final = kernels.lstm(params, xs, state)
        return ys, final.c

    (ys, c), pull = jax.vjp(run, params, xs, state)
    np.testing.assert_allclose(c, [[0.4113150703]], **PRINTED)
    np.testing.assert_allclose(ys, [[[0.2515404146]]], **PRINTED)

    s, g, tanh_c = 1 / (1 + np.exp(-0.6)), np.tanh(0.6), np.tanh(0.4113150703)
    dc = (1 - tanh_c**2) * s * 1.5 + 1.2
    do, dg = s * (1 - s) * tanh_c * 1.5, (1 - g**2) * s * dc
    di, df = s * (1 - s) * g * dc, s * (1 - s) * 0.1 * dc
    dparams, dxs, dstate = pull((jnp.full((1, 1, 1), 1.5), jnp.full((1, 1), 1.2)))
    dz = np.array([di, df, dg, do])
    np.testing.assert_allclose(dparams.b, dz, **PRINTED)
    np.testing.assert_allclose(dparams.w_x[0], 0.2 * dz, **PRINTED)
    np.testing.assert_allclose(dparams.w_h[0], 0.1 * dz, **PRINTED)
    np.testing.assert_allclose(dxs, [[[dz.sum()]]], **PRINTED)
    np.testing.assert_allclose(dstate.h, [[dz.sum()]], **PRINTED)
    np.testing.assert_allclose(dstate.c, [[s * dc]], **PRINTED)
