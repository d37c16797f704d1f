"""The brain's labels, its worse pictures and the blocks cut of it, on a ball of tissues."""

import nibabel
import numpy as np
import pytest
from tolerances import EIGHT_BITS, FLOAT32

from nnarch.data import brain
from nnarch.data.fetch import DataMissing
from nnarch.data.pipeline import Batches


def ball(side=21):
    """White within grey within a thin shell of neither: picture, grey, white, float32."""
    from_middle = np.linalg.norm(np.mgrid[:side, :side, :side] - (side - 1) / 2, axis=0)
    white = (from_middle < side / 5).astype(np.float32)
    grey = (from_middle < side / 3).astype(np.float32) - white
    picture = 0.9 * white + 0.6 * grey + 0.3 * ((from_middle < side / 2.4) - white - grey)
    return picture.astype(np.float32), grey, white


@pytest.fixture
def balls():
    """The ball with voxels of 1 mm."""
    return brain.from_maps(*ball(), 1)


def test_what_neither_map_holds_of_the_mask_is_fluid(balls):
    middle = balls.labels[10, 10]
    assert middle[10] == brain.WHITE == 3
    assert middle[15] == 2
    assert middle[18] == 1
    assert middle[20] == 0
    assert (balls.labels == 0).sum() == (balls.picture == 0).sum()


def test_maps_outside_the_mask_count_as_nothing():
    picture, grey, white = ball()
    picture[:12] = 0
    labels = brain.from_maps(picture, grey, white, 1).labels
    assert not labels[:12].any()
    assert labels[12:].any()


def test_coarser_voxels_are_means_and_their_label_is_the_largest_share():
    whole = np.ones((2, 2, 3), np.float32)
    grey = np.zeros_like(whole)
    grey[0, 0], grey[1, 0, 0], grey[0, 1, 0] = 0.5, 0.9, 0.9
    found = brain.from_maps(whole, grey, np.zeros_like(whole), 2)
    assert found.labels.shape == (1, 1, 2)
    # Grey fills 2.8 of the first voxel's 8, fluid the rest. Of the second, half lies beyond the
    # end of the volume, where nothing is.
    expected = [[5.2 / 8, 2.8 / 8, 0], [3.5 / 8, 0.5 / 8, 0]]
    np.testing.assert_allclose(found.shares[0, 0] / 255, expected, **EIGHT_BITS)
    assert found.labels.ravel().tolist() == [1, 0]
    np.testing.assert_allclose(found.picture[0, 0], [1, 0.5], **FLOAT32)


def test_the_files_are_read_where_fetch_has_put_them(tmp_path, monkeypatch):
    folder = tmp_path / "nilearn" / "datasets" / "data"
    folder.mkdir(parents=True)
    for kind, values in zip(("t1", "gm", "wm"), ball(), strict=True):
        path = folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.round(255 * values).astype(np.uint8), np.eye(4)), path)
    monkeypatch.setattr(brain, "fetch", lambda archive: tmp_path)
    brain.load.cache_clear()
    found = brain.load(1)
    np.testing.assert_array_equal(found.labels, brain.from_maps(*ball(), 1).labels)
    path.write_bytes(path.read_bytes()[:40])
    brain.load.cache_clear()
    with pytest.raises(DataMissing, match="Delete its folder"):
        brain.load(1)
    brain.load.cache_clear()


def test_half_a_millimetre_is_refused():
    with pytest.raises(ValueError, match=r"whole millimetres; got 1\.5"):
        brain.load(1.5)


def test_a_worse_picture_has_the_noise_and_the_bias_that_are_asked_for(balls):
    inside = balls.labels > 0
    slow = brain.degraded(balls, noise=0) / np.where(inside, balls.picture, 1)
    assert slow[inside].min() == pytest.approx(0.7, abs=1e-5)
    assert slow[inside].max() == pytest.approx(1.3, abs=1e-5)
    assert np.abs(np.diff(slow[5:-5, 10, 10])).max() < 0.2  # no steps
    grain = brain.degraded(balls, bias=0) - balls.picture
    assert grain.std() == pytest.approx(0.1 * 0.9, rel=0.05)
    assert grain[~inside].std() == pytest.approx(0.1 * 0.9, rel=0.05)


def test_a_seed_is_one_worse_picture(balls):
    first, again, other = (brain.degraded(balls, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_windows_are_blocks_of_the_shares_with_their_margin(balls):
    values = brain.Windows(balls.shares, size=9, margin=2)
    (block,) = values[np.array([len(values) // 2])]
    assert block.shape == values.shape[1:] == (13, 13, 13, 3)
    padded = np.pad(balls.shares, [(13, 13)] * 3 + [(0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, (13, 13, 13), (0, 1, 2))
    assert np.any(np.all(np.moveaxis(views, 3, -1) == block, axis=(3, 4, 5, 6)))


def test_every_window_holds_tissue_and_reaches_beyond_the_volume(balls):
    values = brain.Windows(balls.shares, size=9, margin=2)
    blocks = values[np.arange(len(values))]
    filled = blocks[:, 2:-2, 2:-2, 2:-2].sum(axis=-1).mean(axis=(1, 2, 3)) / 255
    assert filled.min() >= 0.2
    corner = brain.Windows(balls.shares, size=9, margin=2, fullest=0.0)
    assert len(corner) > len(values)


def test_batches_are_drawn_from_windows(balls):
    batches = Batches(brain.windows(balls, size=9, margin=2), 2, seed=0)
    batch = batches.batch(0)
    assert batch["shares"].shape == batches.shapes[0]["shares"].shape == (2, 13, 13, 13, 3)
    assert batch["shares"].dtype == np.uint8
    assert (batch["shares"] != batches.batch(1)["shares"]).any()


def test_a_brain_without_tissue_has_no_windows(balls):
    empty = np.zeros_like(balls.shares)
    with pytest.raises(ValueError, match="fifth of tissue"):
        brain.windows(brain.Brain(balls.picture, empty, balls.labels, 1), size=9, margin=2)
