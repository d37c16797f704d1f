"""Lengths are checked where they lie on the host and clipped where they do not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.kernels.lengths import check_lengths, clipped, valid_steps
from nnarch.kernels.multidim.sizes import check_sizes


def checked(lengths, batch=3, limit=4):
    return check_lengths("lengths", lengths, batch, limit)


def test_none_stays_none():
    assert checked(None) is None


@pytest.mark.parametrize("full", [[4, 4, 4], np.full(3, 4), (4, 4, 4)])
def test_full_rows_on_the_host_are_none(full):
    assert checked(full) is None


def test_full_rows_on_a_device_cannot_be_seen():
    np.testing.assert_array_equal(checked(jnp.full(3, 4)), [4, 4, 4])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint32])
def test_host_lengths_become_int32_numpy(dtype):
    """They stay on the host, where an implementation can still look at them."""
    found = checked(np.array([0, 2, 4], dtype))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [0, 2, 4])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32"])
def test_device_lengths_are_clipped_to_int32(dtype):
    lengths = jnp.array([0, 2, 100]).astype(dtype)
    for limit, last in ((4, 4), (300, 100), (2**20, 100)):
        found = checked(lengths, limit=limit)
        assert found.dtype == jnp.int32
        np.testing.assert_array_equal(found, [0, 2, last])


def test_the_largest_numbers_are_clipped_too():
    extremes = jnp.array([-(2**31), 2**31 - 1, 3], jnp.int32)
    np.testing.assert_array_equal(checked(extremes), [0, 4, 3])
    unsigned = jnp.array([2**32 - 1, 0, 3], jnp.uint32)
    np.testing.assert_array_equal(checked(unsigned), [4, 0, 3])


def test_traced_lengths_are_clipped():
    found = jax.jit(checked)(jnp.array([-3, 9, 2]))
    np.testing.assert_array_equal(found, [0, 4, 2])


def test_no_rows():
    assert checked([], batch=0) is None
    assert checked(np.zeros(0, np.int32), batch=0) is None
    assert checked(jnp.zeros(0, jnp.int32), batch=0).shape == (0,)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 2], r"shape \[3\].*\(2,\)"),
        ([], r"shape \[3\].*\(0,\)"),
        (4, r"shape \[3\].*\(\)"),
        ([1.0, 2.0, 3.0], "integers.*float64"),
        ([True, True, False], "integers.*bool"),
        (jnp.ones((3, 1), jnp.int32), r"shape \[3\].*\(3, 1\)"),
        ([1, 5, 2], "between 0 and 4.*got 5.*Pad"),
        (np.array([1, -2, 2]), "between 0 and 4.*got -2.*cut"),
    ],
)
def test_what_does_not_fit(lengths, message):
    with pytest.raises(ValueError, match=f"lengths must.*{message}"):
        checked(lengths)


def test_valid_steps():
    expected = [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(valid_steps(jnp.array([0, 1, 3]), 3), np.array(expected, bool))
    assert valid_steps(jnp.array([0, 1, 3]), 0).shape == (3, 0)


def test_a_list_may_hold_what_is_traced():
    found = jax.jit(lambda lengths: check_lengths("lengths", [*lengths, 2], 3, 4))([3, 9])
    np.testing.assert_array_equal(found, [3, 4, 2])


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint32, jnp.int32])
def test_what_is_clipped_never_wraps(dtype):
    largest = jnp.iinfo(dtype).max
    found = clipped(jnp.asarray([[largest, 3]], dtype), (300, 2))
    np.testing.assert_array_equal(found, [[min(largest, 300), 2]])


@pytest.mark.parametrize("limits", [(4, 5), (3, 4, 5)])
def test_sizes_of_pictures_and_volumes(limits):
    axes = len(limits)
    whole = [limits, limits]
    assert check_sizes("kernel", None, 2, limits) is None
    assert check_sizes("kernel", whole, 2, limits) is None
    assert check_sizes("kernel", [], 0, limits) is None
    smaller = np.array([limits, [1] * axes], np.uint8)
    np.testing.assert_array_equal(check_sizes("kernel", smaller, 2, limits), smaller)
    on_device = check_sizes("kernel", jnp.full((2, axes), 9), 2, limits)
    np.testing.assert_array_equal(on_device, whole)
    for wrong, message in (
        ([], rf"integers \[2, {axes}\]"),
        ([[1] * axes], rf"integers \[2, {axes}\]"),
        (np.ones((2, axes)), "got float64"),
        ([[1] * axes, [9] * axes], rf"got \{[9] * axes}"),
        ([[-1] * axes, [1] * axes], "from 0 to"),
    ):
        with pytest.raises(ValueError, match=message):
            check_sizes("kernel", wrong, 2, limits)
