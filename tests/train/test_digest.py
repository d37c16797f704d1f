"""A digest sees any one bit that flips, and does not depend on the mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarch.train import MeshConfig, make_mesh
from nnarch.train.digest import digests
from nnarch.train.sharding import shard_tree

DTYPES = ["float32", "bfloat16", "float16", "int32", "uint8", "int8", "uint32"]


def _random(dtype, shape):
    raw = np.random.default_rng(0).integers(0, 100, shape)
    return np.asarray(jnp.asarray(raw).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_flipped_bit_shows(dtype):
    array = _random(dtype, (3, 5))
    before = digests({"a": jnp.asarray(array)})
    rng = np.random.default_rng(1)
    for _ in range(40):
        flipped = array.copy()
        place = rng.integers(flipped.nbytes)
        flipped.reshape(-1).view(np.uint8)[place] ^= 1 << rng.integers(8)
        assert digests({"a": jnp.asarray(flipped)}) != before


def test_places_that_change_about_show():
    array = jnp.arange(12.0).reshape(3, 4)
    different = {digests({"a": a})["a"] for a in (array, array[::-1], array[:, ::-1], array + 0.0)}
    assert len(different) == 3


def test_booleans_scalars_and_nothing_have_one():
    found = digests({"t": jnp.array(True), "f": jnp.array(False), "e": jnp.zeros((0, 3))})
    assert found["t"] != found["f"]
    assert set(found["e"]) == {"0"}


def test_the_mesh_does_not_matter():
    array = jnp.asarray(np.random.default_rng(2).normal(size=(8, 16)), jnp.float32)
    whole = digests({"w_h": array})
    for config in (MeshConfig(4, 2), MeshConfig(1, 8), MeshConfig(8, 1)):
        places = shard_tree({"w_h": array}, make_mesh(config), ())
        assert digests(jax.device_put({"w_h": array}, places)) == whole
