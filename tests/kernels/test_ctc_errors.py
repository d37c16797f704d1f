"""A CTC call that does not fit is refused with what was expected, what came, the remedy.

What lies on a device is not looked at: lengths are clipped, impossible labels cannot be aligned.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads, check_jvp
from kernels.ctc_cases import Shape, answer, case, every_implementation, loss
from kernels.recurrent_cases import assert_close, assert_same
from tolerances import FLOAT32_GRADIENT, FLOAT64_DIFFERENCES

from nnarch.kernels.ctc import ctc_loss

LOGITS = jnp.zeros((2, 4, 3))
CALL = {
    "logits": LOGITS,
    "logit_lengths": [4, 3],
    "labels": [[1, 2], [2, 0]],
    "label_lengths": [2, 1],
}


def call(**changes):
    given = CALL | changes
    operands = [given.pop(name) for name in CALL]
    return ctc_loss(*operands, **given)


@pytest.mark.parametrize(
    ("wrong", "expected", "came", "remedy"),
    [
        ({"logits": LOGITS[0]}, r"logits \[B, T, V\]", r"\(4, 3\)", r"\[None\]"),
        ({"logits": LOGITS[..., :0]}, "V of 1 or more", r"\(2, 4, 0\)", "batch first"),
        ({"logits": [[[0.0] * 3] * 4] * 2}, "an array", "list", "batch first"),
        ({"logits": None}, "an array", "NoneType", "batch first"),
        ({"logits": LOGITS.astype(int)}, "floating", "int32", "Cast"),
        ({"logits": LOGITS.astype(complex)}, "floating", "complex64", "Cast"),
        ({"logit_lengths": None}, r"lengths, int32 \[B\]", "None", "how much of each row"),
        ({"logit_lengths": [4, 5]}, "between 0 and 4", "got 5", "Pad the rows further"),
        ({"logit_lengths": np.array([-1, 2])}, "between 0 and 4", "got -1", "cut the lengths"),
        ({"logit_lengths": [4]}, r"shape \[2\]", r"\(1,\)", "each row's steps"),
        ({"logit_lengths": jnp.zeros(2)}, "integers", "float32", "int32"),
        ({"labels": [1, 2]}, r"integers \[B, L\]", r"\(2,\)", "Pad the rows"),
        ({"labels": [[1, 2]]}, "each of the 2 rows", r"\(1, 2\)", "Pad the rows"),
        ({"labels": [[1], [1, 2]]}, r"integers \[B, L\]", "", "Pad the rows to one length"),
        ({"labels": [[1.0, 2.0]] * 2}, "integers", "float64", "Pad the rows"),
        ({"labels": jnp.ones((2, 2))}, "integers", "float32", "Pad the rows"),
        ({"labels": jnp.ones((3, 2), int)}, "each of the 2 rows", r"\(3, 2\)", "Pad the rows"),
        ({"labels": [[True, False]] * 2}, "integers", "bool", "Pad the rows"),
        ({"labels": None}, "integers", r"\(\)", "Pad the rows"),
        ({"label_lengths": None}, r"lengths, int32 \[B\]", "None", "how much of each row"),
        ({"label_lengths": [3, 1]}, "label_lengths.*between 0 and 2", "got 3", "Pad the rows"),
        ({"label_lengths": [-1, 1]}, "between 0 and 2", "got -1", "cut the lengths"),
        ({"label_lengths": [1.0, 1.0]}, "integers", "float64", "int32"),
        ({"label_lengths": 2}, r"shape \[2\]", r"\(\)", "each row's steps"),
        ({"label_lengths": [2, 2]}, "other than the blank, 0", "row 1 has 0 at 1", "too long"),
        ({"labels": [[1, 3], [2, 0]]}, "from 0 to 2", "row 0 has 3 at 1", "too long"),
        ({"labels": [[1, 2], [-1, 0]]}, "from 0 to 2", "row 1 has -1 at 0", "too long"),
        ({"labels": [[1, 2**40], [1, 0]]}, "from 0 to 2", f"has {2**40} at 1", "too long"),
        ({"blank": 2}, "other than the blank, 2", "row 0 has 2 at 1", "Labels count classes"),
        ({"blank": 3}, "one of the 3 classes", "got 3", ""),
        ({"blank": -1}, "0 to 2", "got -1", ""),
        ({"blank": 1.0}, "0 to 2", "got 1.0", ""),
        ({"blank": True}, "0 to 2", "got True", ""),
        ({"blank": None}, "0 to 2", "got None", ""),
        ({"implementation": "cudnn"}, "'cudnn'", "'scan', 'reference'", "Leave"),
    ],
)
def test_a_call_that_does_not_fit(wrong, expected, came, remedy):
    with pytest.raises(ValueError, match=f"{expected}.*{came}.*{remedy}") as raised:
        call(**wrong)
    assert "ctc_loss" in str(raised.value) or "lengths" in str(raised.value)


def test_the_scan_refuses_float64_and_names_what_takes_it():
    with (
        jax.enable_x64(True),
        pytest.raises(ValueError, match=r"'scan'.*float32.*float64.*'reference'.*leave"),
    ):
        call(logits=LOGITS.astype(np.float64), implementation="scan")


def test_the_call_that_the_errors_were_made_from_does_fit():
    assert np.all(np.isfinite(call()))
    assert np.all(np.isfinite(call(blank=np.int64(0))))


def test_no_rows_and_no_labels_fit():
    none = {"logits": LOGITS[:0], "logit_lengths": [], "label_lengths": []}
    assert call(**none, labels=np.zeros((0, 2), int)).shape == (0,)
    assert call(labels=[[], []], label_lengths=[0, 0]).shape == (2,)


def test_numpys_float64_is_taken_as_jax_takes_it(recwarn):
    assert call(logits=np.zeros((2, 4, 3))).dtype == jnp.float32
    assert not recwarn.list


@every_implementation
def test_lengths_on_a_device_are_clipped(implementation):
    """Also where the number of frames is odd, and a kernel might work on an even one."""
    c = case([(7, 4), (6, 2), (0, 0), (7, 0)], shape=Shape(frames=7))
    frames, labels = np.array([9, 0, -9, 1], np.int32), np.array([3, 0, -2, -1], np.int32)
    beyond = c._replace(
        logit_lengths=c.logit_lengths + frames, label_lengths=c.label_lengths + labels
    )
    assert_same(answer(implementation, beyond), answer(implementation, c))
    found = loss(implementation, c.logits, *map(jnp.asarray, beyond[1:4]))
    assert_same(found, loss(implementation, *c[:4]))


@every_implementation
def test_an_impossible_label_on_a_device_cannot_be_aligned(implementation):
    """The blank, negative numbers and what is no class; the other rows do not see it."""
    c = case([(8, 4)] * 8)
    labels = np.array(c.labels)
    labels[np.arange(6), [0, 1, 2, 3, 0, 3]] = [c.blank, -1, 5, -(2**31), 2**31 - 1, 10**6]
    losses, gradients = map(np.asarray, answer(implementation, c))
    found, found_gradients = map(np.asarray, answer(implementation, c._replace(labels=labels)))
    assert np.all(np.isposinf(found[:6]))
    assert not np.any(found_gradients[:6])
    assert_same((found[6:], found_gradients[6:]), (losses[6:], gradients[6:]))


@every_implementation
def test_an_impossible_label_between_repeats_is_no_way_around(implementation):
    """Nor is it dropped, as if the row were shorter."""
    c = case([(8, 3)] * 8, labels=[[1, 0, 1, 0], [1, 9, 2, 0], [9, 1, 2, 0], [1, 2, -1, 0]] * 2)
    losses, gradients = map(np.asarray, answer(implementation, c))
    assert np.all(np.isposinf(losses))
    assert not np.any(gradients)


def test_a_label_beyond_int32_is_no_class():
    c = case([(8, 4)])
    with jax.enable_x64(True):
        labels = jnp.asarray(c.labels, jnp.int64) + 2**32
        assert_same(loss("reference", c.logits, c[1], labels, c[3]), np.array([np.inf]))


def total(implementation, c):
    """A function of the logits, curved in the losses."""

    def run(logits):
        losses = loss(implementation, logits, *map(jnp.asarray, c[1:4]))
        return jnp.sum(jnp.sin(jnp.where(jnp.isfinite(losses), losses, 0)))

    return jax.jit(run)


@pytest.mark.parametrize("implementation", ["flat", "rows"])
@pytest.mark.parametrize("outer", [jax.jacfwd, jax.jacrev])
def test_the_scan_refuses_a_second_derivative(implementation, outer):
    c = case()
    with pytest.raises(NotImplementedError, match=r"'scan'.*first derivatives.*'reference'"):
        outer(jax.grad(total(implementation, c)))(c.logits)


def test_the_scan_refuses_forward_mode():
    c = case()
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(total("flat", c), (c.logits,), (c.logits,))


SMALL = [(4, 2), (3, 2), (2, 2), (3, 0), (1, 1), (0, 0)]


def test_the_reference_has_forward_mode_and_second_order():
    """Rows that cannot be aligned among them."""
    labels = [[1, 2], [1, 1], [1, 1], [0, 0], [2, 0], [0, 0]]
    with jax.enable_x64(True):
        c = case(SMALL, shape=Shape(4, 2, 3), labels=labels, dtype=jnp.float64)
        logits = jnp.nan_to_num(c.logits)
        run = total("reference", c)
        check_jvp(run, functools.partial(jax.jvp, run), (logits,), **FLOAT64_DIFFERENCES)
        check_grads(jax.jit(jax.grad(run)), (logits,), order=1, **FLOAT64_DIFFERENCES)


def test_forward_mode_of_the_reference_is_its_reverse_mode():
    """Tangents of padding and of rows that cannot be aligned are not read."""
    c = case()
    ones = c._replace(cotangents=jnp.ones(len(c.labels)))
    losses, gradients = answer("reference", ones)
    rng = np.random.default_rng(1)
    direction = rng.normal(size=gradients.shape).astype(np.float32)

    def run(logits):
        return loss("reference", logits, *c[1:4])

    found = jax.jvp(run, (c.logits,), (jnp.asarray(direction),))
    assert_close(found, (losses, np.sum(gradients * direction, axis=(1, 2))), FLOAT32_GRADIENT)
