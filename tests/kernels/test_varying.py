"""Under shard_map arrays are made to vary alike; the transpose sums gradients over the mesh."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from nnarch.kernels.varying import varying_alike, varying_as

ROWS = P("data")


def axes_of(array):
    return set(jax.typeof(array).manual_axis_type.varying)


def on_mesh(run, specs, **axes):
    mesh = jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(AxisType.Auto,) * len(axes))
    return jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=P(tuple(axes)))


def test_outside_shard_map_nothing_happens():
    tree = {"w": jnp.ones(2), "x": None}
    assert varying_alike(tree)["w"] is tree["w"]
    assert varying_as(jnp.ones(3), tree["w"]) is tree["w"]


def test_every_leaf_varies_over_all_axes_of_any():
    seen = []

    def run(w, x, y):
        tree = varying_alike({"w": w, "more": (x, y, None)})
        seen.extend(axes_of(leaf) for leaf in jax.tree.leaves(tree))
        return tree["w"] * tree["more"][0] * tree["more"][1]

    specs = (P(), P("data"), P("model"))
    jax.jit(on_mesh(run, specs, data=2, model=4))(jnp.ones(8), jnp.ones(16), jnp.ones(32))
    assert seen == [{"data", "model"}] * 3


def test_one_array_varies_as_another():
    seen = []

    def run(w, x):
        seen.append(axes_of(w))
        w = varying_as(x, w)
        seen.append(axes_of(w))
        return w * x

    jax.jit(on_mesh(run, (P(), ROWS), data=8))(jnp.ones(1), jnp.ones(8))
    assert seen == [set(), {"data"}]


def test_the_gradient_of_what_was_replicated_is_summed():
    def run(w, x):
        w, x = varying_alike((w, x))
        return w * x

    mapped = on_mesh(run, (P(), ROWS), data=8)
    xs = jnp.arange(8.0)
    found = jax.jit(jax.grad(lambda w: jnp.sum(mapped(w, xs))))(jnp.ones(1))
    np.testing.assert_array_equal(found, [xs.sum()])
