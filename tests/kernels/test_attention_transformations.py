"""Decoders under jit, vmap, remat, export and on eight devices; their weights' gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.attention_cases import (
    HIDDEN,
    KEYS_OF,
    LENGTHS,
    OUTPUTS,
    VALUES,
    decode,
    every_decoder,
    parameters,
    problem,
    respond,
)
from kernels.compiled_loops import loop_collectives, products_in_loops
from kernels.transformed import PLATFORMS, stacked
from tolerances import FLOAT32_GRADIENT


def operands(decoder, score="additive"):
    return parameters(decoder, score=score), *problem(), jnp.asarray(KEYS_OF), jnp.asarray(LENGTHS)


def assert_close(found, expected):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


@every_decoder
def test_jit_and_remat_change_nothing(decoder):
    given = operands(decoder)
    expected = respond(decoder, *given)
    assert_close(jax.jit(partial(respond, decoder))(*given), expected)

    def total(params, xs, values, keys_of, lengths):
        out = jax.checkpoint(partial(decode, decoder))(params, xs, values, keys_of, lengths)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(out))

    plain = jax.grad(lambda *a: sum(jnp.sum(leaf) for leaf in jax.tree.leaves(decode(decoder, *a))))
    assert_close(jax.grad(total)(*given), plain(*given))


@every_decoder
def test_vmap_is_one_after_another(decoder):
    given = operands(decoder)
    others = (jax.tree.map(lambda p: p * 0.9, given[0]), *given[1:])
    found = jax.vmap(partial(decode, decoder))(*stacked(given, others))
    for number, one in enumerate((given, others)):
        assert_close(jax.tree.map(lambda a, n=number: a[n], found), decode(decoder, *one))


@every_decoder
def test_it_lowers_for_every_platform(decoder):
    program = jax.jit(partial(respond, decoder))
    assert (
        jax.export.export(program, platforms=PLATFORMS)(*operands(decoder)).platforms == PLATFORMS
    )


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@every_decoder
@pytest.mark.parametrize("score", ["general", "additive"])
def test_a_batch_over_eight_devices_is_that_of_one_and_no_loop_speaks(decoder, score):
    given = operands(decoder, score)
    rows, whole = NamedSharding(mesh(), P("data")), NamedSharding(mesh(), P())
    placed = (whole, rows, rows, rows, rows)
    program = jax.jit(partial(respond, decoder), in_shardings=placed)
    compiled = program.lower(*given).compile()
    assert not any(loop_collectives(compiled))
    assert_close(compiled(*jax.device_put(given, placed)), respond(decoder, *given))


@every_decoder
@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_shard_map_over_the_batch(decoder, implementation):
    """Parameters are replicated, and their gradients summed over the devices."""
    given = operands(decoder)
    data = P("data")

    def gradients(params, xs, values, keys_of, lengths):
        def total(params, xs, values):
            chosen = {"implementation": implementation}
            out = decode(decoder, params, xs, values, keys_of, lengths, **chosen)
            return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(out))

        return jax.grad(total, (0, 1, 2))(params, xs, values)

    on_each = jax.shard_map(
        gradients, mesh=mesh(), in_specs=(P(), *[data] * 4), out_specs=(P(), data, data)
    )
    assert_close(jax.jit(on_each)(*given), gradients(*given))


@every_decoder
@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_no_gradient_of_a_weight_is_formed_in_the_loop(decoder, implementation):
    given = operands(decoder, "general")
    run = partial(respond, decoder, implementation=implementation)
    shapes = set(products_in_loops(jax.make_jaxpr(run)(*given).jaxpr))
    fed = OUTPUTS if decoder == "luong" else VALUES
    in_loop = {(fed + HIDDEN, 4 * HIDDEN), (4 * HIDDEN, fed + HIDDEN)} & shapes
    assert bool(in_loop) == (implementation == "reference")


@every_decoder
def test_curvature_is_that_of_the_plain_scan(decoder):
    params, xs, *rest = operands(decoder)

    def curvature(implementation):
        def total(params, xs):
            out = decode(decoder, params, xs, *rest, implementation=implementation)[0]
            return jnp.sum(jnp.sin(out.ys))

        slopes = jax.grad(total, (0, 1))

        def steepness(params, xs):
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slopes(params, xs)))

        clean = jnp.nan_to_num(xs)
        backward = jax.grad(steepness, (0, 1))(params, clean)
        return backward, jax.jvp(slopes, (params, clean), (params, clean))

    assert_close(*(jax.jit(curvature, static_argnums=0)(each) for each in ("scan", "reference")))


@every_decoder
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_plain_scan_has_a_forward_mode(decoder, cell):
    """Along its gradient, whose squared length is how fast a sum grows there."""
    params, xs, *rest = parameters(decoder, cell=cell), *operands(decoder)[1:]
    clean = jnp.nan_to_num(xs)

    def total(params, xs):
        out = decode(decoder, params, xs, *rest, implementation="reference")[0]
        return jnp.sum(jnp.sin(out.ys))

    slope = jax.grad(total, (0, 1))(params, clean)
    _, growth = jax.jvp(total, (params, clean), slope)
    squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slope))
    np.testing.assert_allclose(growth, squares, **FLOAT32_GRADIENT)
