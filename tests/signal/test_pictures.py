"""Augmentation: what it may change and how far; the same numbers however it is run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import random
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tolerances import FLOAT32

from nnarch.signal.pictures import augment, to_float

STILL = {"shift": 0.0, "scale": 0.0, "brightness": 0.0, "contrast": 0.0, "channels": 0.0}
KEY = random.key(0)


def make_pictures(batch=8, size=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)


@given(st.integers(0, 9), st.integers(1, 4), st.sampled_from([4, 9]))
@settings(max_examples=8)
def test_values_stay_between_0_and_1_and_shapes_as_they_are(seed, batch, size):
    changed = augment(random.key(seed), jnp.asarray(make_pictures(batch, size, seed)))
    assert changed.shape == (batch, size, size, 3)
    assert changed.dtype == jnp.float32
    assert bool(((changed >= 0) & (changed <= 1)).all())


def test_without_changes_a_picture_stays():
    pictures = make_pictures()
    np.testing.assert_allclose(augment(KEY, pictures, **STILL), pictures / 255, **FLOAT32)


def test_floats_are_taken_as_they_are():
    pictures = make_pictures()
    floats = jnp.float32(pictures) / 255
    np.testing.assert_allclose(augment(KEY, floats), augment(KEY, pictures), **FLOAT32)
    np.testing.assert_allclose(to_float(pictures), floats, **FLOAT32)


def test_a_shift_moves_a_dot_by_so_many_pixels_at_most():
    dot = np.zeros((64, 21, 21, 3), np.uint8)
    dot[:, 10, 10] = 255
    moved = np.asarray(augment(KEY, dot, **STILL | {"shift": 4.0}))[..., 0]
    weights = moved / moved.sum(axis=(1, 2), keepdims=True)
    places = np.stack([(weights.sum(axis=3 - axis) @ np.arange(21)) - 10 for axis in (1, 2)], 1)
    assert np.abs(places).max() <= 4 + 1e-3
    assert places.std(axis=0) == pytest.approx(4 / np.sqrt(3), rel=0.2)  # uniform, either axis
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.3  # and on its own


def test_scale_keeps_the_middle_and_moves_the_rim():
    ramp = np.broadcast_to(np.linspace(0, 1, 21, dtype=np.float32)[:, None, None], (16, 21, 21, 3))
    scaled = np.asarray(augment(KEY, ramp, **STILL | {"scale": 0.2}))
    np.testing.assert_allclose(scaled[:, 10], 0.5, **FLOAT32)
    slopes = scaled[:, 11, 0, 0] - scaled[:, 10, 0, 0]
    factors = 0.05 / slopes
    assert (np.abs(factors - 1) <= 0.2 + 1e-3).all()
    assert factors.std() > 0.05


def test_beyond_the_border_stands_the_border():
    white = np.full((8, 9, 9, 3), 255, np.uint8)
    np.testing.assert_allclose(augment(KEY, white, **STILL | {"shift": 5.0}), 1, **FLOAT32)


@pytest.mark.parametrize(
    ("change", "furthest"),
    [("brightness", 0.1), ("contrast", 0.1 * 0.25), ("channels", 0.1 * 0.75)],
)
def test_colours_change_by_so_much_at_most(change, furthest):
    pictures = np.full((32, 4, 4, 3), 0.25, np.float32)
    pictures[:, 2:] = 0.75
    changed = np.asarray(augment(KEY, pictures, **STILL | {change: 0.1}))
    differences = np.abs(changed - pictures)
    assert 0.8 * furthest < differences.max() <= furthest + 1e-6
    assert len(np.unique(changed[:, 0, 0, 0])) == 32  # each picture in its own way
    alike = np.ptp(changed[:, 0, 0], axis=1).max() < 1e-6
    assert alike == (change != "channels")


def test_the_key_decides():
    pictures = make_pictures()
    first, same, other = (augment(random.key(seed), pictures) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert bool((first != other).any())


def test_devices_that_share_a_batch_change_it_as_one_does():
    pictures = make_pictures(batch=16)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    shared = augment(KEY, jax.device_put(pictures, sharding))
    assert len(shared.sharding.device_set) == 8
    np.testing.assert_allclose(shared, augment(KEY, pictures), **FLOAT32)


def test_it_runs_inside_a_jitted_step():
    pictures = make_pictures()
    inside = jax.jit(lambda key, pictures: augment(key, pictures).sum())(KEY, pictures)
    np.testing.assert_allclose(inside, augment(KEY, pictures).sum(), **FLOAT32)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((4, 8, 8), "uint8"),
        ((4, 8, 9, 3), "uint8"),
        ((4, 8, 8, 4), "uint8"),
        ((4, 8, 8, 3), "int32"),
    ],
)
def test_what_is_no_batch_of_pictures_is_refused(shape, dtype):
    with pytest.raises(ValueError, match="Put the batch first and the colours last"):
        augment(KEY, jnp.zeros(shape, dtype))
