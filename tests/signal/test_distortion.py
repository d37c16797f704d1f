"""Distortion: what it moves and how far; the same numbers however it is run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tolerances import DOTS, FLOAT32

from nnarch.signal.distortion import distort

STILL = {"shift": 0.0, "scale": 0.0, "rotation": 0.0, "slant": 0.0}
ALL = {"shift": 2.0, "scale": 0.1, "rotation": 10.0, "slant": 0.2}
KEY = random.key(0)
SIZE, MIDDLE = 21, 10


def make_pictures(batch=8, size=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (batch, size, size, 1), dtype=np.uint8)


def dots(y, x, batch=64):
    """A white pixel at that place."""
    pictures = np.zeros((batch, SIZE, SIZE, 1), np.uint8)
    pictures[:, y, x] = 255
    return pictures


def places(pictures):
    """The middle of what is white, (y, x) about the picture's: [B, 2]."""
    shown = np.asarray(pictures)[..., 0]
    shares = shown / shown.sum(axis=(1, 2), keepdims=True)
    return np.stack([shares.sum(axis=3 - axis) @ (np.arange(SIZE) - MIDDLE) for axis in (1, 2)], 1)


def test_without_changes_a_picture_stays():
    pictures = make_pictures()
    np.testing.assert_allclose(distort(KEY, pictures, **STILL), pictures / 255, **FLOAT32)


def test_sides_may_differ_and_channels_are_moved_alike():
    pictures = np.repeat(make_pictures(2)[:, :, :9], 3, axis=-1)
    changed = distort(KEY, pictures, **ALL)
    assert changed.shape == (2, 12, 9, 3)
    np.testing.assert_array_equal(changed[..., 0], changed[..., 2])
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_shift_moves_a_dot_by_so_many_pixels_at_most():
    found = places(distort(KEY, dots(MIDDLE, MIDDLE), **STILL | {"shift": 4.0}))
    assert np.abs(found).max() <= 4 + 1e-3
    assert found.std(axis=0) == pytest.approx(4 / np.sqrt(3), rel=0.2)  # uniform, either axis
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.3  # and on its own


def test_a_rotation_keeps_the_distance_from_the_middle():
    found = places(distort(KEY, dots(MIDDLE, MIDDLE + 8), **STILL | {"rotation": 30.0}))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 8, **DOTS)
    angles = np.degrees(np.arctan2(found[:, 0], found[:, 1]))
    assert np.abs(angles).max() <= 30.5
    assert angles.std() == pytest.approx(30 / np.sqrt(3), rel=0.2)


def test_a_slant_moves_to_the_side_by_the_height():
    change = STILL | {"slant": 0.5}
    above, below = (places(distort(KEY, dots(MIDDLE + y, MIDDLE), **change)) for y in (-6, 6))
    np.testing.assert_allclose(above, -below, **DOTS)
    np.testing.assert_allclose(below[:, 0], 6, **DOTS)  # no dot leaves its row
    assert 0.8 * 3 < np.abs(below[:, 1]).max() <= 3 + 1e-3


def test_scales_of_the_axes_differ_and_keep_the_middle():
    change = STILL | {"scale": 0.2}
    ring = places(distort(KEY, dots(MIDDLE + 8, MIDDLE + 8), **change))
    assert ((ring > 8 / 1.26) & (ring < 8 * 1.21)).all()
    assert abs(np.corrcoef(ring.T)[0, 1]) < 0.3
    np.testing.assert_allclose(places(distort(KEY, dots(MIDDLE, MIDDLE), **change)), 0, **DOTS)


def test_off_the_picture_there_is_nothing():
    white = np.full((8, 9, 9, 1), 255, np.uint8)
    changed = np.asarray(distort(KEY, white, **STILL | {"shift": 5.0}))
    assert changed.min() == 0
    assert changed[:, 4, 4].max() == 1


def test_the_key_decides():
    pictures = make_pictures()
    first, same, other = (distort(random.key(seed), pictures, **ALL) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert bool((first != other).any())


def test_devices_that_share_a_batch_change_it_as_one_does():
    pictures = make_pictures(batch=16)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    shared = distort(KEY, jax.device_put(pictures, sharding), **ALL)
    assert len(shared.sharding.device_set) == 8
    np.testing.assert_allclose(shared, distort(KEY, pictures, **ALL), **FLOAT32)


@pytest.mark.parametrize(("shape", "dtype"), [((4, 8, 8), "uint8"), ((4, 8, 8, 1), "int32")])
def test_what_is_no_batch_of_pictures_is_refused(shape, dtype):
    with pytest.raises(ValueError, match="Put the batch first and the channels last"):
        distort(KEY, jnp.zeros(shape, dtype))
