"""GNMT on eight devices: its published size lies in parts, and a small one learns as on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from models.translator_cases import FIRST, START
from tolerances import FLOAT32_DEEP

from nnarch.losses import masked_cross_entropy
from nnarch.models.gnmt import GNMT, PUBLISHED, PUBLISHED_WORDS, GNMTConfig
from nnarch.train import MeshConfig, make_mesh
from nnarch.train.sharding import global_shapes, shard_tree

SMALL = GNMTConfig(FIRST, embedding=8, hidden=8, layers=3, attention=8, dropout=0.2)
ROWS, STEPS, WORDS = 8, 5, 16


@pytest.fixture(scope="module")
def mesh():
    return make_mesh(MeshConfig(data=2, model=4))


def create(config, words):
    return lambda key: GNMT(config, source_words=words, target_words=words, key=key)


def gradient_of(graph):
    def loss(params, batch):
        model = nnx.merge(graph, params)
        source, target_in, labels, lengths = (
            batch[name] for name in ("source", "target_in", "labels", "lengths")
        )
        logits = model(source, lengths, target_in, lengths, key=jax.random.key(3))
        return masked_cross_entropy(logits, labels, lengths).total

    return jax.value_and_grad(loss)


def batch_of(rows, steps):
    tokens = jax.ShapeDtypeStruct((rows, steps), np.int32)
    lengths = jax.ShapeDtypeStruct((rows,), np.int32)
    return {"source": tokens, "target_in": tokens, "labels": tokens, "lengths": lengths}


def lower(mesh, config, words, batch):
    """Shapes alone: nothing is allocated."""
    graph, params = nnx.split(nnx.eval_shape(create(config, words), jax.random.key(0)), nnx.Param)
    places = shard_tree(params, mesh, ())
    params = jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        params,
        places,
    )
    run = jax.jit(gradient_of(graph), out_shardings=(None, places))
    return run.lower(params, global_shapes(batch, mesh)), params


def test_its_published_size_is_lowered_in_parts(mesh):
    _, params = lower(mesh, PUBLISHED, PUBLISHED_WORDS, batch_of(128, 50))
    leaves = jax.tree.leaves(params)
    assert 280e6 < sum(leaf.size for leaf in leaves) < 282e6
    for path, leaf in jax.tree.leaves_with_path(params):
        part = leaf.sharding.shard_shape(leaf.shape)
        assert leaf.ndim < 2 or np.prod(part) * 4 == leaf.size, path


@pytest.fixture(scope="module")
def small(mesh):
    lowered, params = lower(mesh, SMALL, WORDS, batch_of(ROWS, STEPS))
    return lowered.compile(), jax.tree.map(lambda leaf: leaf.sharding, params)


def test_a_small_one_has_the_gradient_of_one_device(small, mesh):
    compiled, places = small
    tokens = jax.random.randint(jax.random.key(1), (3, ROWS, STEPS), START, WORDS, jnp.int32)
    batch = dict(zip(("source", "target_in", "labels"), tokens, strict=True))
    batch["lengths"] = jnp.array([5, 3, 1, 4, 5, 2, 5, 0], jnp.int32)
    graph, params = nnx.split(create(SMALL, WORDS)(jax.random.key(0)), nnx.Param)
    expected = jax.jit(gradient_of(graph))(params, batch)
    rows = jax.sharding.NamedSharding(mesh, P("data"))
    found = compiled(jax.device_put(params, places), jax.device_put(batch, rows))
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, **FLOAT32_DEEP), found, expected)


def test_no_weight_is_sent_inside_a_loop(small):
    """States are gathered and turned around at each step; the smallest weight is of 4 by 16."""
    for loop in loop_collectives(small[0]):
        for collective in loop:
            assert max(collective.sizes) < 4 * 16, collective
