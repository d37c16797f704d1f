"""Grid LSTM under jit, vmap, remat, export, and on eight devices; and what its loops hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives, loop_shapes
from kernels.grid_cases import HIDDEN, LAYERS, parameters, pictures, sequences, state
from kernels.transformed import PLATFORMS, stacked
from tolerances import FLOAT32_GRADIENT

from nnarch.kernels import grid_lstm_1d, grid_lstm_2d, grid_lstm_3d

LENGTHS = np.array([4, 2, 3, 1] * 2, np.int32)
SIZES = np.array([(3, 2), (2, 1), (1, 2), (3, 1)] * 2, np.int32)


def respond_1d(params, xs):
    def total(params, xs):
        final = grid_lstm_1d(params, xs, layers=LAYERS)
        return jnp.sum(jnp.sin(final.h) + final.m), final

    (_, out), gradients = jax.value_and_grad(total, (0, 1), has_aux=True)(params, xs)
    return (out, gradients[1]), gradients[0]


def respond_2d(params, xs, initial, lengths):
    def total(params, xs, initial):
        ys, final = grid_lstm_2d(params, xs, initial, lengths=lengths, layers=LAYERS, priority=1)
        return jnp.sum(jnp.sin(ys.h) + ys.m) + jnp.sum(final.m**2), (ys, final)

    (_, out), gradients = jax.value_and_grad(total, (0, 1, 2), has_aux=True)(params, xs, initial)
    return (out, gradients[1:]), gradients[0]


def respond_3d(params, xs, sides, sizes):
    def total(params, xs, sides):
        ys = grid_lstm_3d(params, xs, sides, sizes=sizes, layers=LAYERS)
        return jnp.sum(jnp.sin(ys.h) + ys.m), ys

    (_, out), gradients = jax.value_and_grad(total, (0, 1, 2), has_aux=True)(params, xs, sides)
    return (out, gradients[1:]), gradients[0]


CASES = {
    "1d": (respond_1d, (parameters(("lstm",)), state(8))),
    "2d": (
        respond_2d,
        (parameters(("lstm", "lstm")), *sequences(LENGTHS, 4), jnp.asarray(LENGTHS)),
    ),
    "3d": (
        respond_3d,
        (parameters(("lstm",) * 3), *pictures(SIZES, 3, 2), jnp.asarray(SIZES)),
    ),
}
every_case = pytest.mark.parametrize("case", CASES)
EXPECTED = {}


def expected(case):
    if case not in EXPECTED:
        respond, operands = CASES[case]
        EXPECTED[case] = respond(*operands)
    return EXPECTED[case]


def assert_close(found, expected):
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


@every_case
def test_jit_changes_nothing(case):
    respond, operands = CASES[case]
    assert_close(jax.jit(respond)(*operands), expected(case))


def test_remat_changes_nothing():
    params, xs, initial, lengths = CASES["2d"][1]

    @jax.checkpoint
    def run(params, xs):
        return grid_lstm_2d(params, xs, initial, lengths=lengths, layers=LAYERS, priority=1)

    def total(params):
        ys, final = run(params, xs)
        return jnp.sum(jnp.sin(ys.h) + ys.m) + jnp.sum(final.m**2)

    assert_close(jax.grad(total)(params), expected("2d")[1])


def test_vmap_is_one_after_another():
    params = [parameters(("lstm", "lstm"), seed=seed) for seed in range(2)]
    xs = state(2, 3)
    run = lambda p: grid_lstm_2d(p, xs, layers=LAYERS)  # noqa: E731
    assert_close(jax.vmap(run)(stacked(*params)), stacked(*map(run, params)))


def test_a_second_call_compiles_nothing(compilations):
    """Nor do other lengths: they are operands, not part of the program."""
    params, xs = parameters(("lstm", "lstm")), state(2, 6)
    lengths, others = jnp.array([6, 2]), jnp.array([1, 4])
    grid_lstm_2d(params, xs, lengths=lengths, layers=LAYERS)
    first = len(compilations)
    assert first > 0
    grid_lstm_2d(params, xs, lengths=others, layers=LAYERS)
    assert len(compilations) == first


@every_case
def test_it_lowers_for_every_platform(case):
    respond, operands = CASES[case]
    exported = jax.export.export(jax.jit(respond), platforms=PLATFORMS)(*operands)
    assert exported.platforms == PLATFORMS


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@every_case
def test_a_batch_over_eight_devices_is_that_of_one_and_no_loop_speaks(case):
    respond, operands = CASES[case]
    rows, whole = NamedSharding(mesh(), P("data")), NamedSharding(mesh(), P())
    placed = (whole, *[rows] * (len(operands) - 1))
    program = jax.jit(lambda *operands: respond(*operands), in_shardings=placed)
    compiled = program.lower(*operands).compile()
    assert not any(loop_collectives(compiled))
    assert_close(compiled(*jax.device_put(operands, placed)), expected(case))


@every_case
def test_shard_map_over_the_batch(case):
    """Parameters are replicated, and their gradients summed over the devices."""
    respond, operands = CASES[case]
    in_specs = (P(), *[P("data")] * (len(operands) - 1))
    on_each = jax.shard_map(respond, mesh=mesh(), in_specs=in_specs, out_specs=(P("data"), P()))
    assert_close(jax.jit(on_each)(*operands), expected(case))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("implementation", ["wavefront", "reference"])
def test_no_loop_forms_a_weight_gradient(implementation, tied):
    """Autodiff of the reference does: so a product of that shape would be seen."""
    params, xs = parameters(("lstm", "lstm"), tied=tied), state(5, 4)

    def total(params):
        ys, _ = grid_lstm_2d(
            params, xs, layers=LAYERS if tied else None, implementation=implementation
        )
        return jnp.sum(ys.h)

    products = loop_shapes(jax.jit(jax.grad(total)).lower(params).compile(), "dot")
    assert products
    sides = ({2 * HIDDEN, 4 * HIDDEN}, {2 * HIDDEN, 8 * HIDDEN})
    of_weights = [shape for shape in products if set(shape[-2:]) in sides]
    assert bool(of_weights) == (implementation == "reference")
