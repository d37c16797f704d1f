"""Masks of the recurrent state as they are drawn, and what is refused."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import DRAWN

from nnarch import kernels
from nnarch.kernels.recurrent import cudnn

KEY = jax.random.key(0)
LSTM = kernels.init_lstm(KEY, 3, 5)
GRU = kernels.init_gru(KEY, 3, 5)
XS = jnp.zeros((2, 4, 3))
KEPT = jnp.zeros((2, 4, 5), bool)
MASK = jnp.ones((2, 5))


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5])
def test_dropout_zeroes_a_share_and_scales_the_rest(rate):
    mask = np.asarray(kernels.recurrent_dropout_mask(KEY, 80, 100, rate=rate))
    assert mask.dtype == np.float32
    np.testing.assert_allclose(np.mean(mask == 0), rate, **DRAWN)
    np.testing.assert_allclose(mask[mask > 0], 1 / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_zoneout_keeps_a_share_of_each_step_and_unit(rate):
    kept = np.asarray(kernels.zoneout_mask(KEY, 40, 20, 10, rate=rate))
    assert (kept.dtype, kept.shape) == (bool, (40, 20, 10))
    np.testing.assert_allclose(np.mean(kept), rate, **DRAWN)
    if 0 < rate < 1:
        assert all(len(np.unique(kept, axis=axis)) > 1 for axis in range(3))
    else:
        assert np.all(kept == bool(rate))


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match=f"got {rate}"):
        kernels.recurrent_dropout_mask(KEY, 2, 3, rate=rate)
    with pytest.raises(ValueError, match=f"got {rate}"):
        kernels.zoneout_mask(KEY, 2, 4, 3, rate=rate)
    with pytest.raises(ValueError, match=f"of h from 0 to 1; got {rate}"):
        kernels.lstm(LSTM, XS, zoneout=kernels.LSTMState(rate, None))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"starts": [[True]]}, r"starts of shape \[2\] or \[2, 4\], bool; got bool \(1, 1\)"),
        ({"starts": jnp.zeros((2, 4))}, "bool; got float32.*One a row"),
        ({"recurrent_mask": MASK[:1]}, r"\[2, 5\], floating; got float32 \(1, 5\)"),
        ({"recurrent_mask": MASK > 0}, "floating; got bool.*recurrent_dropout_mask"),
        ({"zoneout": KEPT}, r"zoneout as LSTMState\(h, c\)"),
        ({"zoneout": (KEPT,)}, r"zoneout as LSTMState\(h, c\); got tuple"),
        ({"zoneout": (KEPT, KEPT[:, :1])}, r"zoneout of c that is bool \[2, 4, 5\], a rate"),
        ({"zoneout": (KEPT.astype(jnp.float32), None)}, "zoneout of h.*zoneout_mask"),
        ({"zoneout": (True, None)}, "zoneout of h.*a rate, or None; got bool"),
        ({"starts": [True, False], "implementation": "cudnn"}, "cannot run as 'cudnn'"),
    ],
)
def test_what_does_not_fit_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        kernels.lstm(LSTM, XS, **asked)


def test_cudnn_knows_none_of_it(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    call = cudnn.Call("lstm", XS, None, named=True, traced=False, options=("starts", "zoneout"))
    assert re.search("no starts and no zoneout", cudnn.refusal(call))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"recurrent_mask": MASK}, "Give one recurrent_mask for each direction"),
        ({"recurrent_mask": (MASK, None)}, "masks of both directions"),
        ({"zoneout": (kernels.GRUState(KEPT),)}, "Give one zoneout for each direction"),
    ],
)
def test_bidirectional_takes_pairs(asked, message):
    with pytest.raises(ValueError, match=message):
        kernels.bidirectional(kernels.gru, GRU, GRU, XS, **asked)


@pytest.mark.parametrize("kernel", ["peephole_lstm", "layer_norm_lstm"])
def test_a_variant_takes_its_own_parameters_alone(kernel):
    run, init = (getattr(kernels, name) for name in (kernel, f"init_{kernel}"))
    with pytest.raises(ValueError, match=f"{kernel} expects .*init_{kernel}"):
        run(LSTM, XS)
    params = init(KEY, 3, 5)
    wrong = (*params[:3], params[3][:-1], *params[4:])
    with pytest.raises(ValueError, match=f"{kernel} with xs .*init_{kernel}"):
        run(type(params)(*wrong), XS)


def test_variants_begin_as_the_plain_cell():
    peepholes = kernels.init_peephole_lstm(KEY, 3, 5)
    layer_norm = kernels.init_layer_norm_lstm(KEY, 3, 5, dtype=jnp.bfloat16)
    for ours, plain in zip(peepholes, LSTM, strict=False):
        np.testing.assert_array_equal(ours, plain)
    assert not any(np.any(p) for p in peepholes[3:])
    assert [p.shape for p in layer_norm[3:]] == [(20,), (20,), (5,), (5,)]
    assert all(p.dtype == jnp.bfloat16 for p in layer_norm)
    assert all(np.all(p == 1) for p in layer_norm[3:6])


def test_a_call_without_rows_or_steps_returns_the_initial_state():
    for rows, steps in ((0, 4), (2, 0)):
        ys, state = kernels.lstm(
            LSTM,
            XS[:rows, :steps],
            starts=jnp.zeros((rows, steps), bool),
            zoneout=kernels.LSTMState(0.5, KEPT[:rows, :steps]),
        )
        assert (ys.shape, state.h.shape) == ((rows, steps, 5), (rows, 5))
