"""MDLSTM layers hold what the kernel takes; joined patches read nothing but their picture."""

import jax
import jax.numpy as jnp
import numpy as np
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.nn.multidim import MDLSTM, Patches

SIZES = jnp.array([[4, 5], [3, 2]], jnp.int32)


def pictures(channels, *, outside=np.nan):
    xs = np.random.default_rng(0).normal(size=(2, 4, 5, channels)).astype(np.float32)
    xs[1, 3:], xs[1, :, 2:] = outside, outside
    return jnp.asarray(xs)


def test_an_mdlstm_is_the_kernel_in_four_directions():
    layer = MDLSTM(3, 2, key=jax.random.key(0), stable=True)
    xs = pictures(3)
    ys = layer(xs, sizes=SIZES)
    expected = kernels.mdlstm_directions(layer.params, xs, sizes=SIZES, stable=True)
    np.testing.assert_array_equal(ys, expected.reshape(2, 4, 5, 8))
    assert layer.params.w_x.shape == (4, 3, 10)
    first, *others = layer.params.w_x
    assert not any(jnp.allclose(first, other) for other in others)


def test_patches_are_joined_by_one_map_and_see_zeros_outside_their_picture():
    layer = Patches(3, 2, key=jax.random.key(0), patch=(2, 3))
    layer.linear.b[...] = jnp.array([0.5, -1.0])
    ys, sizes = layer(pictures(3), SIZES)
    np.testing.assert_array_equal(sizes, [[2, 2], [2, 1]])
    assert ys.shape == (2, 2, 2, 2)
    padded = np.zeros((2, 4, 6, 3))
    padded[:, :, :5] = pictures(3, outside=0)
    w, b = np.asarray(layer.linear.w[...]), np.asarray(layer.linear.b[...])
    for picture, y, x in np.ndindex(2, 2, 2):
        patch = padded[picture, 2 * y : 2 * y + 2, 3 * x : 3 * x + 3]
        np.testing.assert_allclose(ys[picture, y, x], patch.reshape(-1) @ w + b, **FLOAT32)
