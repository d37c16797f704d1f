"""The loss of long rows keeps the digits that float32 has: no sum is lost to a logarithm's size."""

import jax.numpy as jnp
import numpy as np
import pytest
from kernels.ctc_cases import Shape, answer, case, every_layout
from kernels.recurrent_cases import assert_close
from oracles import ctc as oracle
from tolerances import LONG_LOSS, LONG_LOSS_GRADIENT

ROWS = ((1500, 200), (1311, 143), *[(1500, 200)] * 6)
JUDGED = 2  # rows; the oracle takes its time


def long_case(preference):
    """Normal logits; the blank's are larger by `preference`."""
    c = case(ROWS, shape=Shape(1500, 200, 512))
    preferred = jnp.zeros(512).at[c.blank].set(preference)
    return c._replace(logits=c.logits + preferred, cotangents=jnp.ones(len(ROWS)))


@pytest.fixture(scope="module", params=[0.0, 40.0], ids=["normal", "blanks preferred"])
def judged(request):
    """A case, and the losses and gradients of its first rows in float64.

    Where each frame prefers the blank by e^40, every state that a row must pass is among those with
    the smallest share of their frame.
    """
    c = long_case(request.param)
    logits = np.asarray(c.logits, np.float64)
    first = (operand[:JUDGED] for operand in (logits, *c[1:4]))
    return c, oracle.rows(*first, c.blank)


@every_layout
def test_long_rows(implementation, judged):
    c, (expected, expected_gradients) = judged
    losses, gradients = answer(implementation, c)
    assert_close(losses[:JUDGED], expected, LONG_LOSS)
    assert_close(gradients[:JUDGED], expected_gradients, LONG_LOSS_GRADIENT)
    assert np.all(np.isfinite(losses))
    assert np.all(np.isfinite(gradients))
