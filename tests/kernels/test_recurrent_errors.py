"""What does not fit is refused with the remedy; weights begin as the papers say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.recurrent_cases import SUBJECTS
from tolerances import FLOAT32

from nnarch import kernels

PARAMS = kernels.init_lstm(jax.random.key(0), 3, 5)
XS = jnp.zeros((2, 4, 3))


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"xs": XS[0]}, "batch first"),
        ({"xs": XS.astype(int)}, "Embed or cast"),
        ({"xs": XS[..., :2]}, "mend the last axis"),
        ({"params": PARAMS._replace(w_h=jnp.zeros((5, 15)))}, "init_lstm"),
        ({"params": PARAMS._replace(b=jnp.zeros(20, int))}, "floating"),
        ({"params": PARAMS[:2]}, "init_lstm"),
        ({"initial": (jnp.zeros((2, 5)),)}, "LSTMState"),
        ({"initial": kernels.LSTMState(jnp.zeros((1, 5)), jnp.zeros((2, 5)))}, "each row"),
        ({"lengths": [4, 5]}, "Pad the rows further"),
        ({"lengths": [-1, 2]}, "between 0 and 4"),
        ({"lengths": [1, 2, 3]}, "one a row"),
        ({"lengths": np.array([1.0, 2.0])}, "integers"),
        ({"implementation": "torch"}, "'cudnn', 'scan', 'reference'"),
    ],
)
def test_a_call_that_does_not_fit(options, remedy):
    call = {"params": PARAMS, "xs": XS, "initial": None} | options
    params, xs, initial = (call.pop(name) for name in ("params", "xs", "initial"))
    with pytest.raises(ValueError, match=remedy):
        kernels.lstm(params, xs, initial, **call)


def test_cudnn_says_why_it_cannot_serve():
    with pytest.raises(ValueError, match="needs a CUDA device"):
        kernels.lstm(PARAMS, XS, implementation="cudnn")
    gru = kernels.init_gru(jax.random.key(0), 3, 5)
    with pytest.raises(ValueError, match="LSTM alone"):
        kernels.gru(gru, XS, implementation="cudnn")


def test_an_unknown_reset():
    gru = kernels.init_gru(jax.random.key(0), 3, 5)
    with pytest.raises(ValueError, match=r"'after'.*'before'"):
        kernels.gru(gru, XS, reset="never")


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ((kernels.lstm, PARAMS, kernels.init_lstm(jax.random.key(0), 3, 6)), "same shapes"),
        ((max, PARAMS, PARAMS), "elman, lstm or gru itself"),
    ],
)
def test_a_bidirectional_call_that_does_not_fit(arguments, remedy):
    with pytest.raises(ValueError, match=remedy):
        kernels.bidirectional(*arguments, XS)


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_initial_weights(name, dtype):
    params = SUBJECTS[name].init(jax.random.key(0), 7, 16, dtype=dtype)
    assert {p.dtype for p in params} == {jnp.dtype(dtype)}
    if dtype == jnp.bfloat16:
        return
    for gate in np.split(np.asarray(params.w_h), params.w_h.shape[1] // 16, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(16), **FLOAT32)
    assert np.abs(params.w_x).max() <= np.sqrt(6 / (7 + 16))


def test_an_lstm_begins_with_its_forget_gate_open():
    np.testing.assert_array_equal(PARAMS.b.reshape(4, 5)[:, 0], [0, 1, 0, 0])


def test_sizes_of_nothing():
    with pytest.raises(ValueError, match="hidden_size is 0"):
        kernels.init_lstm(jax.random.key(0), 3, 0)
