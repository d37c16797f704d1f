"""Known answers of LSTM and GRU from Keras' test suite.

Its weights: kernel 0.01, recurrent kernel 0.02, bias 0.03 (two of them with reset_after), and 1 for
the bias of an LSTM's forget gate. A step that its masks leave out is no step at all: here such rows
are written without it.
"""

import numpy as np
import pytest
from kernels.recurrent_cases import Subject, every_implementation
from tolerances import PRINTED

from nnarch import kernels


def counting(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def weights(gates, inputs, hidden):
    return (
        np.full((inputs, gates * hidden), 0.01, np.float32),
        np.full((hidden, gates * hidden), 0.02, np.float32),
    )


def keras_lstm(inputs, hidden, *, bias=0.03, forget=1.0):
    b = np.full((4, hidden), bias, np.float32)
    b[1] = forget
    return kernels.LSTMParams(*weights(4, inputs, hidden), b.ravel())


def keras_gru(inputs, hidden, *, bias=0.03, reset="after"):
    """Both biases of gates r and z act alike, and stand here as one."""
    b = np.full((3, hidden), bias, np.float32)
    b_n = np.full(hidden, bias if reset == "after" else 0, np.float32)
    b[:2] += b_n
    return kernels.GRUParams(*weights(3, inputs, hidden), b.ravel(), b_n)


def assert_units_alike(found, expected):
    """All units have the same weights: one number stands for a row of them."""
    expected = np.broadcast_to(np.array(expected)[..., None], found.shape)
    np.testing.assert_allclose(found, expected, **PRINTED)


@every_implementation
@pytest.mark.parametrize(
    ("direction", "options", "expected"),
    [
        ("forward", {}, [0.6288687, 0.8689914, 0.9460773]),
        ("reverse", {}, [0.3562216, 0.7478953, 0.8872726]),
        ("forward", {"forget": 0.03}, [0.5701970, 0.8661915, 0.9459622]),
        ("forward", {"bias": 0.0, "forget": 0.0}, [0.5498692, 0.8622679, 0.9443935]),
    ],
)
def test_lstm(implementation, direction, options, expected):
    subject = Subject("lstm", direction, implementation)
    _, state = subject.run(keras_lstm(4, 3, **options), counting(3, 6, 4))
    assert_units_alike(state.h, expected)


@every_implementation
def test_lstm_carries_its_state(implementation):
    subject, params, xs = (
        Subject("lstm", "forward", implementation),
        keras_lstm(4, 4),
        counting(2, 3, 4),
    )
    _, state = subject.run(params, xs)
    _, state = subject.run(params, xs, state)
    assert_units_alike(state.h, [0.3124786, 0.6863671])


@every_implementation
@pytest.mark.parametrize(
    ("cell", "direction", "expected"),
    [
        ("lstm", "forward", [[0.2057444, 0.3558822], [0.6493083, 0.66276]]),
        ("lstm", "reverse", [[0.1328162, 0.2790356], [0.5839338, 0.5992567]]),
        ("gru", "forward", [[0.237741, 0.3350846], [0.8365991, 1.0227708]]),
        ("gru", "reverse", [[0.1348606, 0.2326122], [0.7825731, 0.9691352]]),
    ],
)
def test_an_initial_state(implementation, cell, direction, expected):
    start = counting(2, 2)
    params, state = {
        "lstm": (keras_lstm(3, 2), kernels.LSTMState(start, start)),
        "gru": (keras_gru(3, 2), kernels.GRUState(start)),
    }[cell]
    _, state = Subject(cell, direction, implementation).run(params, counting(2, 4, 3), state)
    np.testing.assert_allclose(state.h, expected, **PRINTED)


@every_implementation
@pytest.mark.parametrize(
    ("cell", "direction", "options", "expected"),
    [
        ("gru", "forward", {}, [0.5217289, 0.6371660, 0.3938496]),
        ("gru", "reverse", {}, [0.2440626, 0.6115160, 0.3928808]),
        ("gru_before", "forward", {"reset": "before"}, [0.5144776, 0.6426879, 0.4020829]),
        ("gru", "forward", {"bias": 0.0}, [0.4998846, 0.6470120, 0.4103359]),
    ],
)
def test_gru(implementation, cell, direction, options, expected):
    subject = Subject(cell, direction, implementation)
    _, state = subject.run(keras_gru(4, 3, **options), counting(3, 6, 4))
    assert_units_alike(state.h, expected)


def masked(*rows):
    """Those steps of the counting batch that a mask lets pass, moved to the front; NaN behind."""
    xs = np.full((2, 4, 3), np.nan, np.float32)
    for row, steps in enumerate(rows):
        xs[row, : len(steps)] = counting(2, 4, 3)[row, steps]
    return xs, [len(steps) for steps in rows]


@every_implementation
def test_lstm_zero_output_for_mask(implementation):
    xs, lengths = masked([0, 1, 2], [0, 1])
    subject = Subject("lstm", "forward", implementation)
    ys, state = subject.run(keras_lstm(3, 2), xs, lengths=lengths)
    rows = [[0.0158891, 0.0555205, 0.1175594, 0], [0.141856, 0.2855621, 0, 0]]
    assert_units_alike(ys, rows)
    assert_units_alike(state.h, [0.1175594, 0.2855621])


@every_implementation
def test_lstm_backwards_with_a_mask_in_front(implementation):
    xs, lengths = masked([1, 2, 3], [2, 3])
    subject = Subject("lstm", "reverse", implementation)
    _, state = subject.run(keras_lstm(3, 2), xs, lengths=lengths)
    assert_units_alike(state.h, [0.153412, 0.3844719])


@every_implementation
def test_gru_with_a_hole_in_its_mask(implementation):
    xs, lengths = masked([0, 1, 3], [0, 3])
    subject = Subject("gru", "forward", implementation)
    ys, state = subject.run(keras_gru(3, 2), xs, lengths=lengths)
    rows = [[0.0360669, 0.0949758, 0.1939376, 0], [0.1605141, 0.3081856, 0, 0]]
    assert_units_alike(ys, rows)
    assert_units_alike(state.h, [0.1939376, 0.3081856])
