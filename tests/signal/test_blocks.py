"""Blocks cover a volume, and what they say of it is put together where it came from."""

import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.signal.blocks import Blend, block_starts, cut


@pytest.mark.parametrize("shape", [(8, 8, 8), (9, 17, 8), (23, 8, 31)])
@pytest.mark.parametrize("step", [3, 8])
def test_blocks_cover_every_voxel_and_no_more(shape, step):
    covered = np.zeros(shape, int)
    for x, y, z in block_starts(shape, size=8, step=step):
        covered[x : x + 8, y : y + 8, z : z + 8] += 1
        assert all(first + 8 <= side for first, side in zip((x, y, z), shape, strict=True))
    assert covered.min() >= 1


@pytest.mark.parametrize(
    "wrong", [{"size": 9, "step": 4}, {"size": 8, "step": 9}, {"size": 8, "step": 0}]
)
def test_gaps_are_refused(wrong):
    with pytest.raises(ValueError, match="Pad the volume"):
        block_starts((8, 8, 8), **wrong)


def test_blocks_that_say_what_they_hold_blend_to_the_volume():
    volume = np.random.default_rng(0).normal(size=(11, 8, 13, 2)).astype(np.float32)
    starts = block_starts(volume.shape[:3], size=8, step=5)
    blend = Blend(volume.shape[:3], 2, size=8)
    for start, block in zip(starts, cut(volume, starts, size=8), strict=True):
        blend.add(start, block)
    np.testing.assert_allclose(blend.mean(), volume, **FLOAT32)


def test_a_voxel_listens_most_to_the_block_that_has_it_in_its_middle():
    blend = Blend((12, 8, 8), 1, size=8)
    blend.add((0, 0, 0), np.zeros((8, 8, 8, 1)))
    blend.add((4, 0, 0), np.ones((8, 8, 8, 1)))
    along = blend.mean()[:, 3, 3, 0]
    assert np.all(along[:4] == 0)
    assert np.all(along[8:] == 1)
    assert np.all(np.diff(along[3:9]) > 0)
