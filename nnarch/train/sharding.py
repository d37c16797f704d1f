"""The mesh, and where each array lies on it. Nothing outside this file knows of partitions."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from nnarch.train.config import MeshConfig
from nnarch.train.errors import MeshError
from nnarch.train.task import Batch, Rules

AXES = ("data", "model")

# Path of a leaf -> its partition; the first that is found in the path counts. The moments of the
# optimiser and the average end in their parameter's path, so they lie where it does.
RULES: Rules = (
    (r"(^|/)table$", PartitionSpec("model", None)),
    (r"(^|/)(w|w_\w+|kernel)$", PartitionSpec(..., "model")),
    (r"(^|/)carried/", PartitionSpec("data")),  # states of a batch's rows
)


class Feed(NamedTuple):
    """Which rows of a global batch this process loads: part `index` of `count` equal parts."""

    index: int
    count: int


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with the axes `data` and `model` over `devices`, all there are if left out.

    Raises:
      MeshError: the devices are too few or, among several processes, too many.
    """
    devices = jax.devices() if devices is None else devices
    data = len(devices) // config.model if config.data is None else config.data
    needed = data * config.model
    if needed < 1 or needed > len(devices) or (needed < len(devices) and jax.process_count() > 1):
        raise MeshError(_explain_mesh(config, len(devices)))
    return jax.make_mesh(
        (data, config.model), AXES, axis_types=(AxisType.Auto,) * 2, devices=devices[:needed]
    )


def _explain_mesh(config: MeshConfig, available: int) -> str:
    data = "all" if config.data is None else config.data
    return (
        f"A mesh of data={data} and model={config.model} does not fit the {available} devices "
        "there are. Choose --mesh.data and --mesh.model so that their product is that number"
        " (JAX_NUM_CPU_DEVICES=8 simulates 8 devices on a CPU)."
    )


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def rows(mesh: Mesh) -> NamedSharding:
    """The first axis of a batch, shared among the devices of the axis `data`."""
    return NamedSharding(mesh, PartitionSpec("data"))


def micro_batches(mesh: Mesh) -> NamedSharding:
    """[micro-batch, row, ...]: each device keeps its rows of each micro-batch."""
    return NamedSharding(mesh, PartitionSpec(None, "data"))


def leaf_name(path: tuple) -> str:
    """The path of a leaf as a word: `params/encoder/layers/0/w_h`."""
    return jax.tree_util.keystr(path, simple=True, separator="/").removesuffix("/value")


def shard_tree(tree: Any, mesh: Mesh, rules: Rules) -> Any:
    """A NamedSharding for every leaf of `tree` (arrays or shapes), found by its path.

    An axis of the mesh that does not divide the dimension it is meant for is left out: that
    leaf is then whole on every device of the axis.
    """

    def place(path, leaf) -> NamedSharding:
        spec = _find(leaf_name(path), (*rules, *RULES))
        return NamedSharding(mesh, _fit(spec, leaf.shape, mesh))

    return jax.tree_util.tree_map_with_path(place, tree)


def _find(name: str, rules: Rules) -> PartitionSpec:
    return next((spec for pattern, spec in rules if re.search(pattern, name)), PartitionSpec())


def _fit(spec: PartitionSpec, shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    axes = tuple(spec)
    if ... in axes:
        split = axes.index(...)
        free = len(shape) - (len(axes) - 1)
        axes = (*axes[:split], *(None,) * free, *axes[split + 1 :])
    if len(axes) > len(shape):
        return PartitionSpec()
    sizes = shape[: len(axes)]
    fits = [size % _size(axis, mesh) == 0 for axis, size in zip(axes, sizes, strict=True)]
    return PartitionSpec(*(axis if fit else None for axis, fit in zip(axes, fits, strict=True)))


def _size(axis: str | tuple[str, ...] | None, mesh: Mesh) -> int:
    names = (axis,) if isinstance(axis, str) else axis or ()
    return math.prod(mesh.shape[name] for name in names)


def feed(mesh: Mesh) -> Feed:
    """Which part of each batch this process loads, asked from the sharding of the rows."""
    parts = mesh.shape["data"]
    mine = {
        (index[0].indices(parts)[0])
        for index in rows(mesh).addressable_devices_indices_map((parts,)).values()
    }
    first, count = min(mine), len(mine)
    if parts % count or first % count or max(mine) != first + count - 1:
        raise MeshError(
            f"This process holds parts {sorted(mine)} of {parts}, which are not one equal run of "
            "rows. Give each process the same number of devices."
        )
    return Feed(first // count, parts // count)


def check_batches(shapes: Sequence[Batch], mesh: Mesh, accumulate: int) -> None:
    """Looks whether batches fit the mesh.

    Raises:
      MeshError: the rows cannot be shared among devices and micro-batches.
    """
    local = {leaf.shape[0] for shape in shapes for leaf in jax.tree.leaves(shape)}
    for count in sorted(local):
        total = count * feed(mesh).count
        if total % (mesh.shape["data"] * accumulate):
            raise MeshError(
                f"A batch of {total} rows cannot be shared among {mesh.shape['data']} devices on "
                f"the axis data in {accumulate} micro-batches. Choose a batch size that is a "
                f"multiple of {mesh.shape['data'] * accumulate}, or other --mesh.data and "
                "--accumulate."
            )


def global_shapes(batch: Batch, mesh: Mesh) -> Batch:
    """What this process' shapes become when all processes' rows are put together."""
    count = feed(mesh).count

    def widen(leaf):
        shape = (leaf.shape[0] * count, *leaf.shape[1:])
        return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=rows(mesh))

    return jax.tree.map(widen, batch)


def put_batch(batch: Batch, mesh: Mesh) -> dict[str, Array]:
    """This process' rows (NumPy) as part of global arrays on the devices."""
    count = feed(mesh).count

    def put(leaf):
        leaf = np.asarray(leaf)
        shape = (leaf.shape[0] * count, *leaf.shape[1:])
        return jax.make_array_from_process_local_data(rows(mesh), leaf, shape)

    return jax.tree.map(put, batch)
