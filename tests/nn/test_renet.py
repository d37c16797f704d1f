"""The layer of ReNet gives what its kernel gives, and carries sizes through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tolerances import FLOAT32

from nnarch import kernels
from nnarch.nn import ReNet

KEY = jax.random.key(0)
XS = jax.random.normal(jax.random.key(1), (2, 5, 4, 3))
KERNELS = {"elman": kernels.elman, "lstm": kernels.lstm, "gru": kernels.gru}


@pytest.mark.parametrize("cell", KERNELS)
def test_the_layer_is_its_kernel(cell):
    params = kernels.init_renet(KEY, 3, 4, kernel=KERNELS[cell], patch=(3, 2))
    expected = kernels.renet(KERNELS[cell], params, XS, patch=(3, 2))
    ys, sizes = ReNet(3, 4, key=KEY, cell=cell, patch=(3, 2))(XS)
    assert sizes is None
    np.testing.assert_allclose(ys, expected, **FLOAT32)


def test_sizes_become_those_of_the_patches():
    layer, sizes = ReNet(3, 4, key=KEY), jnp.array([(5, 4), (2, 1)])
    ys, patches = layer(XS, sizes)
    np.testing.assert_array_equal(patches, [(3, 2), (1, 1)])
    alone, _ = layer(XS[1:, :2, :1])
    np.testing.assert_allclose(ys[1, :1, :1], alone[0], **FLOAT32)
    np.testing.assert_array_equal(ys[1, 1:], 0)


def test_every_sweep_is_trained_after_a_split():
    graph, params = nnx.split(ReNet(3, 4, key=KEY))

    @jax.jit
    @jax.grad
    def gradients(params):
        return jnp.sum(nnx.merge(graph, params)(XS)[0] ** 2)

    found = jax.tree.leaves(gradients(params))
    assert len(found) == 4 * 3
    assert all(np.any(gradient != 0) for gradient in found)
