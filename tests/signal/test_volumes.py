"""Volumes drawn from maps: what moves, what is painted, and what a real picture is brought to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import BETWEEN_VOXELS, EIGHT_BITS, FLOAT32, FLOAT32_DEEP

from nnarch.signal.volumes import deform, labels_of, normalised, paint, smooth_fields

KEY = jax.random.key(0)
STILL = {"turn": 0.0, "stretch": 0.0, "bend": 0.0}


def maps(batch=2, side=12, tissues=3):
    """uint8 [batch, side, side, side, tissues] that sum to 255 at most."""
    shares = np.random.default_rng(0).dirichlet(np.ones(tissues + 1), (batch, side, side, side))
    return np.floor(255 * shares[..., :tissues]).astype(np.uint8)


def test_nothing_to_move_gives_the_middle():
    found = deform(KEY, maps(), size=8, **STILL)
    np.testing.assert_allclose(found, maps()[:, 2:-2, 2:-2, 2:-2] / 255, **EIGHT_BITS)


def test_every_volume_moves_in_its_own_way_and_keeps_to_its_own_maps():
    alike = np.broadcast_to(maps(1), (3, 12, 12, 12, 3))
    found = deform(KEY, alike, size=8)
    assert np.abs(found[0] - found[1]).max() > 0.05
    apart = deform(KEY, np.stack([maps(1)[0], 0 * maps(1)[0]]), size=8)
    assert apart[0].max() > 0
    assert apart[1].max() == 0


def test_a_turn_keeps_distances_from_the_middle():
    """Maps that say how far a voxel is from the middle stay as they are."""
    far = np.linalg.norm(np.mgrid[:24, :24, :24] - 11.5, axis=0)[None, ..., None]
    found = deform(KEY, (far / 24).astype(np.float32), size=10, **(STILL | {"turn": 1.0}))
    expected = far[:, 7:-7, 7:-7, 7:-7] / 24
    np.testing.assert_allclose(found, expected, **BETWEEN_VOXELS)


def test_a_stretch_is_linear():
    """Each corner of a map that is a plane's height is the mean of those about it."""
    plane = (np.mgrid[:16, :16, :16][0] / 16).astype(np.float32)[None, ..., None]
    found = np.asarray(deform(KEY, plane, size=8, **(STILL | {"stretch": 0.3})))[0, ..., 0]
    for axis in range(3):
        steps = np.diff(found, axis=axis)
        np.testing.assert_allclose(steps, steps.mean(), **FLOAT32_DEEP)


def test_fields_vary_slowly_and_have_the_spread_that_they_say():
    fields = smooth_fields(KEY, (64, 2), (9, 7, 5), nodes=3)
    assert fields.shape == (64, 9, 7, 5, 2)
    assert np.std(fields[:, ::4, ::3, ::2]) == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff(fields, axis=1)).max() < np.ptp(fields) / 3


def plain(tissues):
    """A volume of pure stripes, one a tissue."""
    return jnp.repeat(jnp.eye(tissues), 4, axis=0).reshape(1, 4 * tissues, 1, 1, tissues)


BARE = {"gain": 0.0, "texture": 0.0, "bias": (0.0, 0.0), "noise": (0.0, 0.0)}


def test_tissues_are_brighter_in_order_and_apart():
    shares = jnp.broadcast_to(plain(3), (50, 12, 1, 1, 3))
    bright = np.asarray(paint(KEY, shares, gap=0.2, **BARE))[:, ::4, 0, 0]
    np.testing.assert_allclose(bright[:, -1], 1, **FLOAT32)
    assert np.diff(bright).min() >= 0.2 - 1e-6
    assert bright[:, 0].min() >= 0
    mixed = np.asarray(paint(KEY, shares, gap=0.2, in_order=0.0, **BARE))[:, ::4, 0, 0]
    np.testing.assert_allclose(np.sort(mixed), bright, **FLOAT32)
    orders = {tuple(order) for order in np.argsort(mixed)}
    assert len(orders) == 6


def test_a_voxel_of_two_tissues_is_between_both():
    shares = jnp.array([[1.0, 0, 0], [0, 1, 0], [0.25, 0.75, 0], [0, 0, 0]]).reshape(1, 4, 1, 1, 3)
    first, second, between, empty = paint(KEY, shares, **BARE).ravel()
    np.testing.assert_allclose(between, 0.25 * first + 0.75 * second, **FLOAT32)
    assert empty == 0


def test_noise_lies_everywhere_and_bias_on_what_is_bright():
    shares = jnp.zeros((1, 24, 24, 24, 3)).at[:, :12].set(jnp.array([0, 0, 1.0]))
    noisy = paint(KEY, shares, **(BARE | {"noise": (0.2, 0.2)}))
    assert float(jnp.std(noisy[:, 12:])) == pytest.approx(0.2, rel=0.03)
    assert float(jnp.std(noisy[:, :12])) == pytest.approx(0.2, rel=0.03)
    sloped = paint(KEY, shares, **(BARE | {"bias": (0.3, 0.3)}))
    assert float(jnp.std(jnp.log(sloped[:, :12]))) > 0.1
    assert not np.any(sloped[:, 12:])


def test_labels_are_the_largest_share_of_what_is_there_and_of_nothing():
    shares = jnp.array([[0.1, 0.2, 0.3], [0, 0, 1.0], [0.5, 0.3, 0.2], [0.3, 0.4, 0.1]])
    assert labels_of(shares).tolist() == [0, 3, 1, 2]


@pytest.mark.parametrize("scale", [0.003, 1.0, 4000.0])
def test_a_real_picture_has_its_bright_tissue_near_one_whatever_its_scale(scale):
    rng = np.random.default_rng(0)
    picture = np.zeros((20, 20, 20))
    picture[5:15, 5:15, 5:15] = rng.choice([0.3, 0.7, 0.9], (10, 10, 10))
    picture += rng.normal(0, 0.05, picture.shape)
    assert np.quantile(normalised(scale * picture)[5:15, 5:15, 5:15], 0.8) == pytest.approx(1, 0.1)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_picture_of_nothing_is_refused(value):
    with pytest.raises(ValueError, match="finite, different brightnesses"):
        normalised(np.full((4, 4, 4), value))


@pytest.mark.parametrize("level", [-1000.0, -3.0, 1000.0])
def test_what_lies_around_a_body_is_dark_whatever_its_number(level):
    """Air is -1000 in a CT; a scan in units of its own deviation is below 0 there."""
    body = np.zeros((8, 8, 8), np.float32)
    body[2:6, 2:6, 2:6] = np.random.default_rng(0).uniform(50, 100, (4, 4, 4))
    found = normalised(level + body)
    np.testing.assert_allclose(found, normalised(body), **FLOAT32_DEEP)
    assert found[0, 0, 0] == 0


def test_maps_are_cubes_and_tissues_find_room():
    with pytest.raises(ValueError, match="Pad the shorter sides"):
        deform(jax.random.key(0), jnp.zeros((1, 4, 2, 8, 3)), size=2)
    with pytest.raises(ValueError, match=r"9 tissues cannot lie 0\.15 apart"):
        paint(jax.random.key(0), jnp.zeros((1, 2, 2, 2, 9)))
