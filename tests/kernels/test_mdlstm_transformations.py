"""MDLSTM under jit, vmap, remat, export, and on eight devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from kernels.mdlstm_cases import parameters, pictures, served_by
from kernels.transformed import PLATFORMS
from tolerances import FLOAT32, FLOAT32_GRADIENT

from nnarch.kernels.multidim import mdlstm, mdlstm_directions

SIZES = np.array([(3, 4), (2, 3), (3, 1), (1, 1)] * 2, np.int32)
XS = pictures((8, 3, 4), sizes=SIZES)
WEIGHTS = jax.random.normal(jax.random.key(5), (8, 3, 4, 4, 3))


def respond(params, xs, sizes, weights):
    """Values, and gradients of their weighted sum."""

    def total(params, xs):
        ys = mdlstm_directions(params, xs, sizes=sizes)
        return jnp.sum(ys * weights), ys

    (_, ys), gradients = jax.value_and_grad(total, (0, 1), has_aux=True)(params, xs)
    return ys, gradients


OPERANDS = (parameters(4), XS, jnp.asarray(SIZES), WEIGHTS)


def assert_close(found, expected):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


def test_jit_and_remat_change_nothing():
    expected = respond(*OPERANDS)
    assert_close(jax.jit(respond)(*OPERANDS), expected)

    def again(params, xs, sizes, weights):
        run = jax.checkpoint(lambda p, x: mdlstm_directions(p, x, sizes=sizes))
        total = lambda p, x: jnp.sum(run(p, x) * weights)  # noqa: E731
        return jax.grad(total, (0, 1))(params, xs)

    assert_close(again(*OPERANDS), expected[1])


def test_vmap_over_parameters_is_one_after_another():
    params, xs = parameters(3), pictures((2, 3, 4))
    found = jax.vmap(mdlstm, in_axes=(0, None))(params, xs)
    for number in range(3):
        one = jax.tree.map(lambda p, n=number: p[n], params)
        np.testing.assert_allclose(found[number], mdlstm(one, xs), **FLOAT32)


def test_a_second_call_compiles_nothing(compilations):
    """Nor do other sizes: they are operands, not part of the program."""
    params, xs, sizes = parameters(4), pictures((2, 5, 3)), jnp.array([(5, 3), (2, 2)])
    others = jnp.array([(1, 3), (4, 1)])
    mdlstm_directions(params, xs, sizes=sizes)
    first = len(compilations)
    assert first > 0
    mdlstm_directions(params, xs, sizes=others)
    assert len(compilations) == first


def test_it_lowers_for_every_platform():
    exported = jax.export.export(jax.jit(respond), platforms=PLATFORMS)(*OPERANDS)
    assert exported.platforms == PLATFORMS


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@pytest.mark.parametrize("implementation", ["wavefront", "strips", "accelerator"])
def test_a_batch_over_eight_devices_is_that_of_one_and_no_loop_speaks(implementation):
    rows, whole = NamedSharding(mesh(), P("data")), NamedSharding(mesh(), P())
    placed = (whole, rows, rows, rows)
    with served_by(implementation):
        program = jax.jit(lambda *operands: respond(*operands), in_shardings=placed)
        compiled = program.lower(*OPERANDS).compile()
    assert not any(loop_collectives(compiled))
    assert_close(compiled(*jax.device_put(OPERANDS, placed)), respond(*OPERANDS))


def test_shard_map_over_the_batch():
    """Parameters are replicated, and their gradients summed over the devices."""
    in_specs = (P(), P("data"), P("data"), P("data"))
    on_each = jax.shard_map(
        respond, mesh=mesh(), in_specs=in_specs, out_specs=(P("data"), (P(), P("data")))
    )
    assert_close(jax.jit(on_each)(*OPERANDS), respond(*OPERANDS))
