"""Meshes, the rules that lay leaves on them, and who feeds which rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from train.tiny_task import make_task

from nnarch.train import MeshConfig, MeshError, TrainConfig, make_mesh
from nnarch.train.sharding import (
    check_batches,
    feed,
    global_shapes,
    leaf_name,
    put_batch,
    shard_tree,
)
from nnarch.train.state import create_state, define


def test_all_devices_lie_on_data_by_default():
    mesh = make_mesh(MeshConfig())
    assert dict(mesh.shape) == {"data": len(jax.devices()), "model": 1}
    assert dict(make_mesh(MeshConfig(model=2)).shape) == {"data": 4, "model": 2}
    assert set(mesh.axis_types) == {AxisType.Auto}


@pytest.mark.parametrize("config", [MeshConfig(9), MeshConfig(4, 4), MeshConfig(None, 16)])
def test_a_mesh_too_large_names_both_numbers(config):
    with pytest.raises(MeshError, match=r"does not fit the 8 devices.*--mesh\.data"):
        make_mesh(config)


def test_the_first_rule_found_in_a_path_counts():
    tree = {"a": {"w_h": np.zeros((4, 8))}, "table": np.zeros((6, 3)), "b": np.zeros(8)}
    rules = ((r"a/w_h", PartitionSpec("model")),)
    mesh = make_mesh(MeshConfig(4, 2))
    specs = jax.tree.map(lambda s: s.spec, shard_tree(tree, mesh, rules))
    assert specs["a"]["w_h"] == PartitionSpec("model")
    assert specs["table"] == PartitionSpec("model", None)
    assert specs["b"] == PartitionSpec()


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((3, 3, 8, 16), PartitionSpec(None, None, None, "model")),
        ((2, 8), PartitionSpec(None, "model")),
        ((2, 7), PartitionSpec(None, None)),  # 2 does not divide 7: whole on each device
        ((), PartitionSpec()),
    ],
)
def test_a_rule_fits_itself_to_the_leaf(shape, spec):
    mesh = make_mesh(MeshConfig(4, 2))
    found = shard_tree({"w_x": jax.ShapeDtypeStruct(shape, jnp.float32)}, mesh, ())
    assert found["w_x"].spec == spec


def test_every_leaf_of_the_state_has_a_named_sharding():
    config = TrainConfig(average=0.9, mesh=MeshConfig(4, 2))
    mesh = make_mesh(config.mesh)
    definition = define(make_task(), config, mesh)
    state = create_state(make_task(), config, definition)
    leaves = dict(jax.tree_util.tree_leaves_with_path(state))
    assert all(isinstance(leaf.sharding, NamedSharding) for leaf in leaves.values())
    split = {leaf_name(path) for path, leaf in leaves.items() if "model" in leaf.sharding.spec}
    moments = {name.split("/", 1)[1] for name in split if name.startswith("optimiser")}
    assert {"params/w_h", "average/w_h"} <= split
    assert {"1/mu/w_h", "1/nu/w_h"} <= moments  # moments lie where their parameter does


def test_one_process_feeds_all_rows():
    assert feed(make_mesh(MeshConfig(4, 2))) == (0, 1)


class _OtherProcess:
    """A sharding's view from process 1 of 2, of four devices each: parts 2 and 3 of 4."""

    def addressable_devices_indices_map(self, shape):
        return {device: (slice(device // 2, device // 2 + 1),) for device in range(4, 8)}


def test_the_rows_of_a_process_are_asked_from_the_sharding(monkeypatch):
    monkeypatch.setattr("nnarch.train.sharding.rows", lambda mesh: _OtherProcess())
    assert feed(make_mesh(MeshConfig(4, 2))) == (1, 2)


def test_batches_that_cannot_be_shared_are_refused():
    mesh = make_mesh(MeshConfig(4))
    shapes = make_task(rows=24).batches.shapes
    check_batches(shapes, mesh, 3)
    with pytest.raises(MeshError, match=r"24 rows.*4 devices.*4 micro-batches.*multiple of 16"):
        check_batches(shapes, mesh, 4)


def test_batches_arrive_as_announced_and_shared():
    mesh: Mesh = make_mesh(MeshConfig(8))
    batches = make_task().batches
    batch = put_batch(batches.batch(0), mesh)
    shape = global_shapes(batches.shapes[0], mesh)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), batch) == jax.tree.map(
        lambda a: (a.shape, a.dtype), shape
    )
    assert batch["sums"].addressable_shards[3].data.shape == (2,)
    np.testing.assert_array_equal(batch["numbers"], batches.batch(0)["numbers"])
