"""What SpecAugment may blot out, how much, where, and that the key alone decides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from nnarch.signal.spec_augment import spec_augment

KEY = random.key(0)
NO_TIME, NO_BANDS = {"time_masks": 0}, {"band_masks": 0}


def hidden(key, lengths, *, frames=50, bands=20, **masks):
    """bool [B, F, M]: what becomes 0."""
    features = jnp.ones((len(lengths), frames, bands))
    changed = spec_augment(key, features, jnp.asarray(lengths), **{"widest_band": 5} | masks)
    assert set(np.unique(changed)) <= {0, 1}
    return np.asarray(changed) == 0


def stretches(row):
    """How many runs of true there are in bool [N]."""
    return int(np.sum(np.diff(np.concatenate([[0], row.astype(int)])) == 1))


def test_time_masks_hide_whole_frames_inside_a_row():
    lengths = np.repeat([50, 30, 4, 0], 200)
    covered = hidden(KEY, lengths, longest_time=8, longest_share=0.5, **NO_BANDS)
    frames = covered.any(axis=2)
    assert (covered == frames[:, :, None]).all()
    assert not (frames & (np.arange(50) >= lengths[:, None])).any()
    assert max(map(stretches, frames)) == 2
    widths = frames.sum(axis=1)
    assert widths[lengths >= 30].max() == 16  # two of 8
    assert widths[lengths == 4].max() == 4  # two of half the row
    assert widths[lengths == 0].max() == 0


def test_band_masks_hide_whole_bands():
    covered = hidden(KEY, [50] * 200, **NO_TIME)
    bands = covered.any(axis=1)
    assert (covered == bands[:, None, :]).all()
    assert max(map(stretches, bands)) == 2
    assert bands.sum(axis=1).max() == 10  # two of 5


@pytest.mark.parametrize("masks", [NO_TIME | {"band_masks": 1}, NO_BANDS | {"time_masks": 1}])
def test_one_stretch_has_any_length_and_place(masks):
    covered = hidden(KEY, [20] * 4000, frames=20, longest_time=5, longest_share=1.0, **masks)
    places = covered.any(axis=1 if masks["band_masks"] else 2)
    widths = np.bincount(places.sum(axis=1), minlength=6) / 4000
    np.testing.assert_allclose(widths, 1 / 6, atol=0.03)  # five deviations
    starts = np.bincount(places[places.sum(axis=1) == 5].argmax(axis=1), minlength=16)
    np.testing.assert_allclose(starts / starts.sum(), 1 / 16, atol=0.05)


def test_without_masks_nothing_changes_and_the_dtype_stays():
    features = jnp.arange(24, dtype=jnp.bfloat16).reshape(1, 4, 6)
    kept = spec_augment(KEY, features, jnp.array([4]), widest_band=3, **NO_TIME | NO_BANDS)
    assert kept.dtype == jnp.bfloat16
    np.testing.assert_array_equal(kept, features)


def test_the_key_and_the_place_in_the_batch_decide():
    first, same, other = (hidden(random.key(seed), [50] * 8) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    assert len({row.tobytes() for row in first}) == 8


def test_devices_that_share_a_batch_change_it_as_one_does():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    features = random.normal(KEY, (16, 50, 20))
    lengths = jnp.arange(16) + 30
    shared = spec_augment(
        KEY, jax.device_put(features, sharding), jax.device_put(lengths, sharding)
    )
    np.testing.assert_array_equal(shared, spec_augment(KEY, features, lengths))


def test_what_does_not_fit_is_refused():
    features = jnp.zeros((2, 9, 8))
    with pytest.raises(ValueError, match="Put the batch first and the bands last"):
        spec_augment(KEY, features[0], jnp.array([9, 9]))
    with pytest.raises(ValueError, match="Put the batch first and the bands last"):
        spec_augment(KEY, features, jnp.array([9]))
    with pytest.raises(ValueError, match="Leave some to hear"):
        spec_augment(KEY, features, jnp.array([9, 9]), widest_band=9)
