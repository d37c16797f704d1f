"""A recurrent call that does not fit is refused with what was expected, what came, the remedy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch import kernels
from nnarch.kernels.recurrent import cudnn

LSTM = kernels.init_lstm(jax.random.key(0), 3, 5)
GRU = kernels.init_gru(jax.random.key(0), 3, 5)
ELMAN = kernels.init_elman(jax.random.key(0), 3, 5)
XS = jnp.zeros((2, 4, 3))
STATE = kernels.LSTMState(jnp.zeros((2, 5)), jnp.zeros((2, 5)))


@pytest.mark.parametrize(
    ("wrong", "expected", "came", "remedy"),
    [
        ({"xs": XS[0]}, r"xs \[B, T, D\]", r"\(4, 3\)", r"xs\[None\]"),
        ({"xs": XS[..., :0]}, "D of 1 or more", r"\(2, 4, 0\)", "batch first"),
        ({"xs": XS.tolist()}, "an array", "list", r"jnp.asarray\(xs\)"),
        ({"xs": XS.astype(int)}, "floating", "int32", "Embed or cast"),
        ({"xs": XS.astype(complex)}, "floating", "complex64", "cast"),
        ({"xs": XS[..., :2]}, r"\(2, 20\)", r"\(3, 20\)", "mend the last axis of xs"),
        ({"params": LSTM[:2]}, r"LSTMParams\(w_x, w_h, b\)", "tuple", "init_lstm"),
        ({"params": GRU}, r"LSTMParams\(w_x, w_h, b\)", "GRUParams", "init_lstm"),
        ({"params": list(LSTM)}, r"LSTMParams\(w_x, w_h, b\)", "list", "init_lstm"),
        (
            {"params": LSTM._replace(w_h=jnp.zeros((5, 15)))},
            r"\(5, 20\)",
            r"\(5, 15\)",
            "init_lstm",
        ),
        ({"params": LSTM._replace(w_h=jnp.zeros(()))}, "LSTMParams", r"\(\)", "init_lstm"),
        ({"params": LSTM._replace(b=jnp.zeros(5))}, r"\(20,\)", r"\(5,\)", "init_lstm"),
        ({"params": LSTM._replace(b=jnp.zeros(20, int))}, "floating", "b is not", "Cast it"),
        ({"initial": STATE.h}, r"LSTMState\(h, c\)", "ArrayImpl", "Make one"),
        ({"initial": (STATE.h,)}, r"LSTMState\(h, c\)", "tuple", "Make one"),
        (
            {"initial": STATE._replace(c=STATE.c[:1])},
            r"c of shape \[2, 5\]",
            r"\(1, 5\)",
            "One row",
        ),
        ({"initial": STATE._replace(h=STATE.h.astype(int))}, "floating", "int32", "One row"),
        ({"lengths": [4, 5]}, "between 0 and 4", "got 5", "Pad the rows further"),
        ({"lengths": np.array([-1, 2])}, "between 0 and 4", "got -1", "cut the lengths"),
        ({"lengths": [1, 2, 3]}, r"shape \[2\]", r"\(3,\)", "each row's steps"),
        ({"lengths": 3}, r"shape \[2\]", r"\(\)", "each row's steps"),
        ({"lengths": np.array([1.0, 2.0])}, "integers", "float64", "int32"),
        ({"lengths": jnp.array([1.0, 2.0])}, "integers", "float32", "int32"),
        ({"lengths": [True, False]}, "integers", "bool", "int32"),
        (
            {"implementation": "torch"},
            "implementation",
            "'torch'.*'cudnn', 'scan', 'reference'",
            "Leave",
        ),
    ],
)
def test_lstm(wrong, expected, came, remedy):
    call = {"params": LSTM, "xs": XS, "initial": None} | wrong
    operands = [call.pop(name) for name in ("params", "xs", "initial")]
    with pytest.raises(ValueError, match=f"{expected}.*{came}.*{remedy}") as raised:
        kernels.lstm(*operands, **call)
    assert "lstm" in str(raised.value) or "lengths" in str(raised.value)


@pytest.mark.parametrize(
    ("kernel", "params", "initial"),
    [
        (kernels.elman, LSTM, None),
        (kernels.gru, LSTM, None),
        (kernels.elman, ELMAN, STATE),
        (kernels.gru, GRU, STATE),
    ],
)
def test_one_kernel_takes_no_others_parameters(kernel, params, initial):
    with pytest.raises(ValueError, match=kernel.__name__):
        kernel(params, XS, initial)


@pytest.mark.parametrize("kernel", [kernels.gru, kernels.bidirectional])
def test_an_unknown_reset(kernel):
    operands = (GRU, XS) if kernel is kernels.gru else (kernels.gru, GRU, GRU, XS)
    with pytest.raises(ValueError, match=r"reset='never'.*'after'.*'before'"):
        kernel(*operands, reset="never")


@pytest.mark.parametrize(
    ("kernel", "params", "reason"),
    [
        (kernels.lstm, LSTM, "needs a CUDA device, and jax runs on cpu"),
        (kernels.gru, GRU, "LSTM alone"),
        (kernels.elman, ELMAN, "LSTM alone"),
    ],
)
def test_cudnn_says_why_it_cannot_serve(kernel, params, reason):
    with pytest.raises(ValueError, match=f"{reason}.*'cudnn', 'scan', 'reference'.*leave"):
        kernel(params, XS, implementation="cudnn")


FULL = cudnn.Call("lstm", XS, None, named=False, traced=False)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (FULL, None),
        (FULL._replace(lengths=np.array([1, 4])), None),
        (FULL._replace(traced=True, named=True), None),
        (FULL._replace(kernel="gru"), "LSTM alone"),
        (FULL._replace(xs=XS.astype(jnp.bfloat16)), "float32.*bfloat16"),
        (FULL._replace(xs=XS[:, :0]), "empty"),
        (FULL._replace(lengths=np.array([0, 4])), "length 0"),
        (FULL._replace(lengths=jnp.array([1, 4])), "as a NumPy array"),
        (FULL._replace(traced=True), "where it is named"),
    ],
)
def test_what_cudnn_serves_where_there_is_cuda(monkeypatch, call, reason):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    found = cudnn.refusal(call)
    assert found is None if reason is None else re.search(reason, found)


@pytest.mark.parametrize(
    ("operands", "options", "remedy"),
    [
        ((kernels.lstm, LSTM, kernels.init_lstm(jax.random.key(0), 3, 6)), {}, "same shapes"),
        ((kernels.lstm, LSTM, None), {}, "init_lstm"),
        ((kernels.gru, LSTM, LSTM), {}, "init_gru"),
        (("lstm", LSTM, LSTM), {}, "or layer_norm_lstm itself; got 'lstm'"),
        (([kernels.lstm], LSTM, LSTM), {}, "elman, lstm, gru, .* itself"),
        ((kernels.lstm, LSTM, LSTM), {"initial": STATE.h}, "Give one state for each direction"),
        ((kernels.lstm, LSTM, LSTM), {"initial": (STATE,)}, "Give one state for each direction"),
        ((kernels.lstm, LSTM, LSTM), {"initial": STATE}, r"LSTMState\(h, c\)"),
        ((kernels.lstm, LSTM, LSTM), {"reset": "before"}, "leave it out with lstm"),
        ((kernels.lstm, LSTM, LSTM), {"lengths": [5, 1]}, "Pad the rows further"),
        ((kernels.lstm, LSTM, LSTM), {"implementation": "cudnn"}, "'scan' and 'reference'"),
    ],
)
def test_bidirectional(operands, options, remedy):
    with pytest.raises(ValueError, match=remedy):
        kernels.bidirectional(*operands, XS, **options)


def test_numpys_float64_is_taken_as_jax_takes_it(recwarn):
    ys, state = kernels.lstm(LSTM, np.zeros((2, 4, 3)))
    assert ys.dtype == state.h.dtype == jnp.float32
    assert not recwarn.list


NESTED = [[0.0] * 5] * 2


@pytest.mark.parametrize(
    "options",
    [
        {"initial": kernels.LSTMState(NESTED, NESTED)},
        {"recurrent_mask": NESTED},
        {"zoneout": kernels.LSTMState([[[True] * 5] * 4] * 2, None)},
        {"params": LSTM._replace(b=[0.0] * 20)},
    ],
)
def test_lists_of_lists_are_told_from_arrays(options):
    """JAX has no dtype for them; its own error would name nothing."""
    with pytest.raises(ValueError, match=r"lstm expects .*(list|b is not)"):
        kernels.lstm(**{"params": LSTM, "xs": XS} | options)


def test_lists_of_lists_are_no_grid_state():
    params = kernels.init_grid_lstm(jax.random.key(0), 5)
    with pytest.raises(ValueError, match=r"\.h of a floating dtype .* got list \(1, 2, 5\)"):
        kernels.grid_lstm_1d(params, kernels.GridState([NESTED], None), layers=1)
