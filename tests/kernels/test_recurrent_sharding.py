"""On eight devices a kernel answers as on one, and says little between them inside its loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import Collective, loop_collectives
from kernels.recurrent_cases import (
    CELLS,
    Shape,
    Subject,
    answer,
    assert_close,
    case,
    every_cell,
    respond,
)
from tolerances import FLOAT32, FLOAT32_GRADIENT

LENGTHS = np.array([6, 3, 1, 0, 6, 2, 5, 4], np.int32)
ROWS = P("data")
UNITS = P(None, "model")
REFERENCE = Subject("lstm", "forward", "reference")
WIDE = Shape(hidden=16)

both_products = pytest.mark.parametrize("implementation", ["scan", "accelerator", "large"])


def mesh(**axes):
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(AxisType.Auto,) * len(axes))


def operands_of(c):
    return (*c.operands, jnp.asarray(c.lengths), c.cotangents)


def compiled_on(devices, program, operands, specs):
    """Compiles for operands that lie as the specs say -> (the program, the operands placed)."""
    shardings = jax.tree.map(
        lambda s: NamedSharding(devices, s), specs, is_leaf=lambda s: isinstance(s, P)
    )
    compiled = jax.jit(program, in_shardings=shardings).lower(*operands).compile()
    return compiled, jax.device_put(operands, shardings)


def assert_answers(found, subject, c):
    """Values and gradients are those of one device."""
    expected = answer(subject, c)
    for f, e, tolerance in zip(found, expected, (FLOAT32, FLOAT32_GRADIENT), strict=True):
        assert_close(f, e, tolerance)


@pytest.mark.parametrize("subject", [*map(Subject, CELLS), REFERENCE], ids=repr)
def test_shard_map_over_rows(subject):
    """The parameters are replicated, and their gradients summed over the devices."""
    c = case(subject, lengths=LENGTHS)
    on_each = jax.shard_map(
        respond(subject).__wrapped__,
        mesh=mesh(data=8),
        in_specs=(P(), ROWS, ROWS, ROWS, ROWS),
        out_specs=((ROWS, ROWS), (P(), ROWS, ROWS)),
    )
    assert_answers(jax.jit(on_each)(*operands_of(c)), subject, c)


@pytest.mark.parametrize("varying", ["xs", "initial", "lengths"])
@pytest.mark.parametrize("implementation", ["scan", "reference"])
def test_shard_map_where_one_operand_alone_differs(implementation, varying):
    """The state varies over the mesh as soon as anything does that a step reads."""
    subject = Subject("lstm", "forward", implementation)
    c = case(subject, lengths=LENGTHS)
    every = {"xs": jnp.nan_to_num(c.xs), "initial": c.initial, "lengths": jnp.asarray(c.lengths)}
    same = {name: jax.tree.map(lambda a: a[:1], rows) for name, rows in every.items()}

    def run(xs, initial, lengths):
        return subject.run(c.params, xs, initial, lengths=lengths)

    specs = tuple(ROWS if name == varying else P() for name in every)
    on_each = jax.shard_map(run, mesh=mesh(data=8), in_specs=specs, out_specs=ROWS)
    found = jax.jit(on_each)(*(same | {varying: every[varying]}).values())
    repeated = {n: jax.tree.map(lambda a: jnp.repeat(a, 8, 0), rows) for n, rows in same.items()}
    assert_close(found, run(*(repeated | {varying: every[varying]}).values()), FLOAT32)


@every_cell
@both_products
def test_sharded_rows_meet_in_no_loop(subject, implementation):
    """Gradients of the weights are summed over the devices once, after the loops."""
    c, served = case(subject, lengths=LENGTHS), subject.by(implementation)
    specs = (P(), ROWS, ROWS, ROWS, ROWS)
    program, operands = compiled_on(
        mesh(data=8), respond(served).__wrapped__, operands_of(c), specs
    )
    assert loop_collectives(program) == [[], []]
    assert_answers(program(*operands), served, c)


@both_products
def test_sharded_rows_of_both_directions_meet_in_no_loop(implementation):
    subject = Subject("lstm", "both", implementation)
    c, specs = case(subject, lengths=LENGTHS), (P(), ROWS, ROWS, ROWS, ROWS)
    program, operands = compiled_on(
        mesh(data=8), respond(subject).__wrapped__, operands_of(c), specs
    )
    assert loop_collectives(program) == [[], []]
    assert_answers(program(*operands), subject, c)


def test_autodiff_of_a_plain_scan_does_meet_in_its_loop():
    """Shows that the tests above look in the right place."""
    subject = REFERENCE
    c, specs = case(subject, lengths=LENGTHS), (P(), ROWS, ROWS, ROWS, ROWS)
    program, _ = compiled_on(mesh(data=8), respond(subject).__wrapped__, operands_of(c), specs)
    assert "all-reduce" in {found.kind for loop in loop_collectives(program) for found in loop}


def units_of(params):
    """How weights lie when each device has some of their columns."""
    return jax.tree.map(lambda p: P(*(None,) * (p.ndim - 1), "model"), params)


def placed(c, where):
    """Specs of (params, xs, initial) where the state, the weights or both are sharded by units."""
    weights = units_of(c.params) if "weights" in where else P()
    return weights, P(), UNITS if "state" in where else P()


def assert_gathers_h_once_a_step(subject, where):
    """And moves nothing else inside the loop, no weight above all."""
    c = case(subject, shape=WIDE, lengths=[6] * 3)
    program, operands = compiled_on(mesh(model=8), subject.run, c.operands, placed(c, where))
    gather_h = Collective("all-gather", (c.initial.h.size,))
    products = 2 if subject.cell == "gru_before" else 1  # the second one of r * h
    assert loop_collectives(program) == [[gather_h] * products]
    assert_close(program(*operands), subject.run(*c.operands), FLOAT32)


@every_cell
@both_products
def test_a_sharded_state_gathers_h_once_a_step(subject, implementation):
    assert_gathers_h_once_a_step(subject.by(implementation), "state")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("where", ["weights", "state and weights"])
@both_products
def test_sharded_weights_gather_h_once_a_step(cell, where, implementation):
    assert_gathers_h_once_a_step(Subject(cell, "forward", implementation), where)


@pytest.mark.parametrize("where", ["state", "state and weights"])
@both_products
def test_sharded_units_train_with_one_exchange_a_step(where, implementation):
    """On the way back it is one of gradients: no weight moves, and no weight's gradient."""
    subject = Subject("lstm", "forward", implementation)
    c = case(subject, shape=WIDE, lengths=[6, 3, 0])
    specs = (*placed(c, where), P(), P())
    program, operands = compiled_on(
        mesh(model=8), respond(subject).__wrapped__, operands_of(c), specs
    )
    loops = loop_collectives(program)
    assert [len(loop) for loop in loops] == [1, 1]
    assert max(sum(found.sizes) for loop in loops for found in loop) < c.params.w_h.size
    assert_answers(program(*operands), subject, c)


@every_cell
def test_rows_and_units_sharded_at_once(subject):
    c, both = case(subject, lengths=LENGTHS, shape=WIDE), P("data", "model")
    specs = (units_of(c.params), ROWS, both, ROWS, (P("data", None, "model"), both))
    program, operands = compiled_on(
        mesh(data=4, model=2), respond(subject).__wrapped__, operands_of(c), specs
    )
    assert_answers(program(*operands), subject, c)
