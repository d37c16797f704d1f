"""The nearest picture, against distances worked out one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnarch.metrics import nearest as module
from nnarch.metrics.nearest import nearest


def pictures(count):
    return arrays(np.uint8, (count, 2, 2, 3))


@given(st.integers(0, 7).flatmap(pictures), st.integers(1, 9).flatmap(pictures))
def test_no_key_is_nearer(queries, keys):
    found = nearest(queries, keys)
    distances = ((queries[:, None].astype(int) - keys[None]) ** 2).sum(axis=(2, 3, 4))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(distances[np.arange(len(queries)), found], distances.min(axis=1))


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    queries, keys = (rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8) for n in (50, 30))
    whole = nearest(queries, keys)
    monkeypatch.setattr(module, "_BLOCK", 7)
    np.testing.assert_array_equal(nearest(queries, keys), whole)


def test_a_picture_that_is_there_is_found():
    keys = np.random.default_rng(1).integers(0, 256, (300, 48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(nearest(keys, keys), np.arange(300))


def test_pictures_that_do_not_fit_are_refused():
    one, other = np.zeros((2, 4, 4, 3)), np.zeros((2, 5, 5, 3))
    with pytest.raises(ValueError, match="Bring both to one size"):
        nearest(one, other)
    with pytest.raises(ValueError, match="M at least 1"):
        nearest(one, one[:0])
