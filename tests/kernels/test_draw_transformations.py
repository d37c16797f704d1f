"""DRAW under jit, vmap, remat and export, and its batch on eight devices."""

from functools import partial

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from kernels.draw_cases import DRAWING, LENGTHS, parameters, problem, total
from kernels.transformed import PLATFORMS, stacked
from tolerances import FLOAT32_GRADIENT

every_way = pytest.mark.parametrize("way", DRAWING)


def operands():
    return parameters(), *problem(), jax.numpy.asarray(LENGTHS)


def respond(way, *given):
    """What is drawn, and the gradients of all of it."""
    *moved, lengths = given
    gradients = jax.grad(lambda *a: total(way, *a, lengths), argnums=(0, 1, 2, 3))(*moved)
    return DRAWING[way](*given), gradients


def assert_close(found, expected):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


@every_way
def test_jit_and_remat_change_nothing(way):
    given = operands()
    expected = respond(way, *given)
    assert_close(jax.jit(partial(respond, way))(*given), expected)
    again = jax.checkpoint(partial(total, way))
    assert_close(jax.grad(again)(*given), expected[1][0])


@every_way
def test_vmap_is_one_after_another(way):
    given = operands()
    others = (jax.tree.map(lambda p: p * 0.9, given[0]), *given[1:])
    found = jax.vmap(DRAWING[way])(*stacked(given, others))
    for number, one in enumerate((given, others)):
        assert_close(jax.tree.map(lambda a, n=number: a[n], found), DRAWING[way](*one))


@every_way
def test_it_lowers_for_every_platform(way):
    program = jax.jit(partial(respond, way))
    assert jax.export.export(program, platforms=PLATFORMS)(*operands()).platforms == PLATFORMS


@every_way
def test_a_batch_over_eight_devices_is_that_of_one_and_no_loop_speaks(way):
    given = operands()
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    rows, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
    placed = (whole, rows, rows, rows, rows)
    compiled = jax.jit(partial(respond, way), in_shardings=placed).lower(*given).compile()
    assert not any(loop_collectives(compiled))
    assert_close(compiled(*jax.device_put(given, placed)), respond(way, *given))


@every_way
def test_shard_map_over_the_batch(way):
    """Parameters are replicated, and their gradients summed over the devices."""
    given, data = operands(), P("data")
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))

    def gradients(*given):
        return jax.grad(partial(total, way))(*given)

    on_each = jax.shard_map(gradients, mesh=mesh, in_specs=(P(), *[data] * 4), out_specs=P())
    assert_close(jax.jit(on_each)(*given), gradients(*given))
