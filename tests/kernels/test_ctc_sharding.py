"""On eight devices the CTC loss answers as on one, and says nothing between them in its loops."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from kernels.ctc_cases import Shape, answer, case, every_implementation, loss, respond
from kernels.recurrent_cases import assert_close
from tolerances import FLOAT32_GRADIENT

ROWS = P("data")
MANY = Shape(5, 3, 1200)


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


def compiled(implementation, c):
    """Compiles for rows that lie one on each device -> (the program, the operands placed)."""
    rows = NamedSharding(mesh(), ROWS)
    program = jax.jit(respond(implementation).__wrapped__, in_shardings=rows)
    return program.lower(*c.operands).compile(), jax.device_put(c.operands, rows)


@every_implementation
def test_shard_map_over_rows(implementation):
    c = case()
    on_each = jax.shard_map(
        respond(implementation).__wrapped__, mesh=mesh(), in_specs=ROWS, out_specs=ROWS
    )
    found = jax.jit(on_each)(*c.operands)
    assert_close(found, answer(implementation, c), FLOAT32_GRADIENT)


OPERANDS = ("logits", "logit_lengths", "labels", "label_lengths")


@pytest.mark.parametrize("implementation", ["scan", "reference"])
@pytest.mark.parametrize("varying", OPERANDS)
def test_shard_map_where_one_operand_alone_differs(implementation, varying):
    """The states vary over the mesh as soon as anything does; gradients of one row are summed."""
    c = case([(8, 4)] * 8)
    lengths, label_lengths = jnp.array([8, 7, 6, 5] * 2), jnp.array([4, 2, 3, 1] * 2)
    every = dict(
        zip(OPERANDS, (c.logits, lengths, jnp.asarray(c.labels), label_lengths), strict=True)
    )
    same = {name: rows[:1] for name, rows in every.items()} | {varying: every[varying]}

    def run(*operands):
        return loss(implementation, *operands)

    def run_repeated(*operands):
        return run(*(jnp.broadcast_to(o, (8, *o.shape[1:])) for o in operands))

    specs = tuple(ROWS if name == varying else P() for name in OPERANDS)
    on_each = jax.shard_map(run, mesh=mesh(), in_specs=specs, out_specs=ROWS)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda *o, program=program: jnp.dot(program(*o), c.cotangents)))
        for program in (on_each, run_repeated)
    )
    assert_close(found(*same.values()), expected(*same.values()), FLOAT32_GRADIENT)


@every_implementation
def test_sharded_rows_answer_as_rows_of_one_device(implementation):
    c = case()
    program, operands = compiled(implementation, c)
    assert_close(program(*operands), answer(implementation, c), FLOAT32_GRADIENT)


@pytest.mark.parametrize("implementation", ["rows", "reference"])
@pytest.mark.parametrize("shape", [Shape(), MANY], ids=str)
def test_sharded_rows_meet_in_no_loop(implementation, shape):
    program, _ = compiled(implementation, case([(5, 3)] * 8, shape=shape))
    assert not any(loop_collectives(program))
