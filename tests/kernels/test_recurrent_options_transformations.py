"""Kernels with starts, masks and zoneout: transformed, on eight devices, and in their loops."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives, products_in_loops
from kernels.options_cases import Asked, every_cell, some_cells
from kernels.recurrent_cases import (
    HIDDEN,
    INPUTS,
    LENGTHS,
    Shape,
    Subject,
    assert_close,
    case,
    respond,
)
from kernels.transformed import PLATFORMS, stacked
from tolerances import FLOAT32, FLOAT32_GRADIENT, FLOAT64_RECURRENT

ROWS = P("data")
EIGHT = np.array([6, 3, 1, 0, 6, 2, 5, 4], np.int32)


def operands_of(asked, c):
    return (*c.operands, jnp.asarray(c.lengths), c.cotangents, asked.by_name(len(c.lengths)))


def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


@some_cells
def test_vmap_is_a_loop(asked):
    with jax.enable_x64(True):
        members = [asked.case(dtype=jnp.float64, seed=seed) for seed in range(2)]
        options = [asked.by_name(seed=seed) for seed in range(2)]
        pairs = list(zip(members, options, strict=True))
        expected = stacked(*(asked.answer(c, more) for c, more in pairs))
        given = [(*c.operands, jnp.asarray(c.lengths), c.cotangents, more) for c, more in pairs]
        found = jax.vmap(respond(asked.subject))(*stacked(*given))
        assert_close(found, expected, FLOAT64_RECURRENT)


@some_cells
def test_eagerly_and_from_the_host_it_does_the_same(asked):
    c, more = asked.case(), asked.by_name()
    on_host = jax.tree.map(np.asarray, c.operands)
    more["starts"] = np.asarray(more["starts"]).tolist()
    more["recurrent_mask"] = np.asarray(more["recurrent_mask"])
    found = asked.subject.run(*on_host, lengths=list(map(int, LENGTHS)), **more)
    assert_close(found, asked.answer(c)[0], FLOAT32)


@some_cells
def test_remat_changes_nothing(asked):
    with jax.enable_x64(True):
        c = asked.case(dtype=jnp.float64)
        kernel = functools.partial(
            asked.subject.run, lengths=jnp.asarray(c.lengths), **asked.by_name()
        )

        @jax.jit
        def again(*operands):
            found, pull = jax.vjp(jax.checkpoint(kernel), *operands)
            return found, pull(c.cotangents)

        assert_close(again(*c.operands), asked.answer(c), FLOAT64_RECURRENT)


@every_cell
def test_it_lowers_for_every_platform_and_promotes_nothing_silently(asked):
    given = operands_of(asked, asked.case())
    with jax.numpy_dtype_promotion("strict"):
        exported = jax.export.export(respond(asked.subject), platforms=PLATFORMS)(*given)
    assert exported.platforms == PLATFORMS


def test_another_rate_compiles_nothing(compilations):
    subject = Subject("lstm")
    c = Asked(subject, ()).case()
    state = type(c.initial)
    subject.run(*c.operands, zoneout=state(0.1, 0.2))
    first = len(compilations)
    subject.run(*c.operands, zoneout=state(0.3, 0.0))
    assert len(compilations) == first


@some_cells
def test_shard_map_over_rows(asked):
    c = asked.case(lengths=EIGHT)
    on_each = jax.shard_map(
        respond(asked.subject).__wrapped__,
        mesh=mesh(),
        in_specs=(P(), ROWS, ROWS, ROWS, ROWS, ROWS),
        out_specs=((ROWS, ROWS), (P(), ROWS, ROWS)),
    )
    found = jax.jit(on_each)(*operands_of(asked, c))
    assert_answers(found, asked, c)


def assert_answers(found, asked, c):
    for f, e, tolerance in zip(found, asked.answer(c), (FLOAT32, FLOAT32_GRADIENT), strict=True):
        assert_close(f, e, tolerance)


@every_cell
def test_sharded_rows_meet_in_no_loop(asked):
    """So no weight's gradient is formed in one, nor that of a peephole or a scale."""
    c = asked.case(lengths=EIGHT)
    rows, whole = NamedSharding(mesh(), ROWS), NamedSharding(mesh(), P())
    placed = (whole, rows, rows, rows, rows, rows)
    given = operands_of(asked, c)
    program = jax.jit(respond(asked.subject).__wrapped__, in_shardings=placed)
    compiled = program.lower(*given).compile()
    assert loop_collectives(compiled) == [[], []]
    assert_answers(compiled(*jax.device_put(given, placed)), asked, c)


@every_cell
@pytest.mark.parametrize("implementation", ["scan", "accelerator", "reference"])
def test_no_weights_gradient_is_formed_in_a_loop(asked, implementation):
    served = asked.by(implementation)
    given = operands_of(served, served.case())
    jaxpr = jax.make_jaxpr(respond(served.subject).__wrapped__)(*given).jaxpr
    sizes = {int(np.prod(shape)) for shape in products_in_loops(jaxpr)}
    gates = {"elman": 1, "gru": 3, "gru_before": 3}.get(asked.subject.cell, 4)
    of_weights = {gates * HIDDEN * HIDDEN, gates * HIDDEN * INPUTS}
    assert bool(of_weights & sizes) == (implementation == "reference")


def test_a_sharded_state_gathers_h_once_a_step():
    """Masks lie as the state does, and move no more than it."""
    subject, unit = Subject("lstm"), NamedSharding(units(), P(None, "model"))
    c = _wide(subject)
    step = NamedSharding(units(), P(None, None, "model"))
    whole = NamedSharding(units(), P())
    more = _wide_options(c)
    placed = (
        *(jax.tree.map(lambda _: whole, operand) for operand in c.operands[:2]),
        jax.tree.map(lambda _: unit, c.initial),
        {
            "recurrent_mask": unit,
            "zoneout": jax.tree.map(lambda _: step, more["zoneout"]),
        },
    )

    def run(params, xs, initial, more):
        return subject.run(params, xs, initial, **more)

    given = (*c.operands, more)
    compiled = jax.jit(run, in_shardings=placed).lower(*given).compile()
    (loop,) = loop_collectives(compiled)
    assert [found.kind for found in loop] == ["all-gather"]
    assert_close(compiled(*jax.device_put(given, placed)), run(*given), FLOAT32)


def units():
    return jax.make_mesh((8,), ("model",), axis_types=(AxisType.Auto,))


def _wide(subject):
    return case(subject, shape=Shape(hidden=16), lengths=[6] * 3)


def _wide_options(c):
    rng = np.random.default_rng(0)
    kept = (jnp.asarray(rng.random((3, 6, 16)) < 0.3) for _ in range(2))
    mask = jnp.asarray(rng.choice([0.0, 2.0], size=(3, 16)), jnp.float32)
    return {"recurrent_mask": mask, "zoneout": type(c.initial)(*kept)}
