"""PyraMiD-LSTM under jit, vmap, remat, export, on eight devices; what its loops hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives, loop_shapes
from kernels.pyramid_cases import HIDDEN, INPUTS, parameters, served_by, volumes
from kernels.transformed import PLATFORMS
from tolerances import FLOAT32, FLOAT32_GRADIENT

from nnarch.kernels.multidim import conv_lstm, pyramid

SIZES = np.array([(3, 4, 2), (2, 3, 2), (3, 1, 1), (1, 1, 2)] * 2, np.int32)
XS = volumes((8, 3, 4, 2), sizes=SIZES)
WEIGHTS = jax.random.normal(jax.random.key(5), (8, 3, 4, 2, HIDDEN))


def respond(params, xs, sizes, weights, implementation=None):
    """Values, and gradients of their weighted sum."""

    def total(params, xs):
        ys = pyramid(params, xs, sizes=sizes, implementation=implementation)
        return jnp.sum(ys * weights), ys

    (_, ys), gradients = jax.value_and_grad(total, (0, 1), has_aux=True)(params, xs)
    return ys, gradients


OPERANDS = (parameters(6), XS, jnp.asarray(SIZES), WEIGHTS)


def assert_close(found, expected):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


@pytest.fixture(scope="module")
def expected():
    return respond(*OPERANDS)


def test_jit_and_remat_change_nothing(expected):
    assert_close(jax.jit(respond)(*OPERANDS), expected)

    def again(params, xs, sizes, weights):
        run = jax.checkpoint(lambda p, x: pyramid(p, x, sizes=sizes))
        total = lambda p, x: jnp.sum(run(p, x) * weights)  # noqa: E731
        return jax.grad(total, (0, 1))(params, xs)

    assert_close(again(*OPERANDS), expected[1])


def test_vmap_over_parameters_is_one_after_another():
    params, xs = parameters(3), volumes((2, 3, 4, 2))
    found = jax.vmap(conv_lstm, in_axes=(0, None))(params, xs)
    for number in range(3):
        one = jax.tree.map(lambda p, n=number: p[n], params)
        np.testing.assert_allclose(found[number], conv_lstm(one, xs), **FLOAT32)


def test_the_reference_has_forward_derivatives():
    params, xs = parameters(), volumes((1, 2, 3, 2))
    run = lambda x: conv_lstm(params, x, implementation="reference")  # noqa: E731
    _, tangent = jax.jvp(run, (xs,), (jnp.ones_like(xs),))
    expected = jax.grad(lambda e: jnp.sum(conv_lstm(params, xs + e) * WEIGHTS[:1, :2, :3]))(0.0)
    np.testing.assert_allclose(jnp.sum(tangent * WEIGHTS[:1, :2, :3]), expected, **FLOAT32_GRADIENT)


def test_a_second_call_compiles_nothing(compilations):
    """Nor do other sizes: they are operands, not part of the program."""
    params, xs = parameters(6), volumes((2, 4, 3, 2))
    sizes, others = jnp.array([(4, 3, 2), (2, 2, 1)]), jnp.array([(1, 3, 1), (4, 1, 2)])
    pyramid(params, xs, sizes=sizes)
    first = len(compilations)
    assert first > 0
    pyramid(params, xs, sizes=others)
    assert len(compilations) == first


def test_it_lowers_for_every_platform():
    exported = jax.export.export(jax.jit(respond), platforms=PLATFORMS)(*OPERANDS)
    assert exported.platforms == PLATFORMS


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@pytest.mark.parametrize("implementation", ["sweep", "accelerator"])
def test_a_batch_over_eight_devices_is_that_of_one_and_no_loop_speaks(implementation, expected):
    rows, whole = NamedSharding(mesh(), P("data")), NamedSharding(mesh(), P())
    placed = (whole, rows, rows, rows)
    with served_by(implementation):
        program = jax.jit(lambda *operands: respond(*operands), in_shardings=placed)
        compiled = program.lower(*OPERANDS).compile()
    assert not any(loop_collectives(compiled))
    assert_close(compiled(*jax.device_put(OPERANDS, placed)), expected)


def test_shard_map_over_the_batch(expected):
    """Parameters are replicated, and their gradients summed over the devices."""
    in_specs = (P(), P("data"), P("data"), P("data"))
    on_each = jax.shard_map(
        respond, mesh=mesh(), in_specs=in_specs, out_specs=(P("data"), (P(), P("data")))
    )
    assert_close(jax.jit(on_each)(*OPERANDS), expected)


@pytest.mark.parametrize(
    ("implementation", "accumulates"),
    [("sweep", False), ("accelerator", False), ("reference", True)],
)
def test_no_loop_holds_the_gradient_of_a_window(implementation, accumulates):
    """Autodiff of the reference does: the look into the program finds it there."""
    with served_by(implementation) as name:
        program = jax.jit(lambda *operands: respond(*operands, name))
        compiled = program.lower(*OPERANDS).compile()
    windows = {(3, 3, k, 4 * HIDDEN) for k in (INPUTS, HIDDEN, INPUTS + HIDDEN)}
    windows |= {(2, *shape) for shape in windows}
    assert bool(windows & loop_shapes(compiled, "add")) == accumulates
