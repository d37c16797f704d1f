"""vmap, remat, jit, shard_map and sharded arrays: what JAX does to a kernel changes no number."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.recurrent_cases import SUBJECTS, TIME, case, scalar
from tolerances import FLOAT32, FLOAT32_GRADIENT

from nnarch import kernels

every_kernel = pytest.mark.parametrize("name", SUBJECTS)
COLLECTIVE = re.compile(r"= \S+ (all-reduce|all-gather|all-to-all|collective-permute)\S*\(")


def assert_close(found, expected, tolerance):
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, **tolerance), found, expected)


def value_and_gradients(name, lengths=None):
    def run(params, xs, initial):
        return scalar(*SUBJECTS[name].run(params, xs, initial, lengths=lengths))

    return jax.value_and_grad(run, (0, 1, 2))


def mesh(**axes):
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(AxisType.Auto,) * len(axes))


@every_kernel
def test_vmap_is_a_loop(name):
    first, second = case(name, seed=0), case(name, seed=1)
    run = functools.partial(SUBJECTS[name].run, lengths=first.lengths)
    stacked = jax.tree.map(lambda a, b: jnp.stack([a, b]), first[:3], second[:3])
    found = jax.vmap(run)(*stacked)
    for row, c in enumerate((first, second)):
        assert_close(jax.tree.map(lambda a, r=row: a[r], found), run(*c[:3]), FLOAT32)


@every_kernel
def test_remat_changes_nothing(name):
    c = case(name, lengths=[TIME] * 2)
    run = SUBJECTS[name].run
    plain, again = (
        jax.jit(jax.grad(lambda *a, f=f: scalar(*f(*a)), (0, 1, 2)))(*c[:3])
        for f in (run, jax.checkpoint(run))
    )
    assert_close(again, plain, FLOAT32)


def test_a_second_call_compiles_nothing():
    c = case("lstm")
    kernels.lstm(*c[:3], lengths=c.lengths)
    with jax.log_compiles(False), jax.no_tracing():
        kernels.lstm(*c[:3], lengths=c.lengths)


@every_kernel
def test_shard_map_over_the_batch(name):
    c = case(name, lengths=[TIME] * 8)
    devices, subject = mesh(data=8), SUBJECTS[name]

    @functools.partial(
        jax.shard_map, mesh=devices, in_specs=(P(), P("data"), P("data")), out_specs=P("data")
    )
    def sharded(params, xs, initial):
        return subject.run(params, xs, initial)[0]

    def total(params, xs, initial):
        return jnp.sum(jnp.sin(sharded(params, xs, initial)))

    def plain(params, xs, initial):
        return jnp.sum(jnp.sin(subject.run(params, xs, initial)[0]))

    found, expected = (jax.jit(jax.grad(f, (0, 1, 2)))(*c[:3]) for f in (total, plain))
    assert_close(found, expected, FLOAT32_GRADIENT)


@every_kernel
def test_a_sharded_batch_reduces_no_gradient_inside_a_loop(name):
    c = case(name, lengths=[TIME] * 8)
    run = value_and_gradients(name)
    devices = mesh(data=8)
    rows, everywhere = NamedSharding(devices, P("data")), NamedSharding(devices, P())
    shardings = (everywhere, rows, rows)
    compiled = jax.jit(run, in_shardings=shardings).lower(*c[:3]).compile()
    assert not [line for body in loop_bodies(compiled) for line in body if COLLECTIVE.search(line)]
    assert_close(compiled(*jax.device_put(c[:3], shardings)), run(*c[:3]), FLOAT32_GRADIENT)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
def test_a_sharded_hidden_axis_gathers_h_alone(name):
    subject, devices = SUBJECTS[name], mesh(model=8)
    params = subject.init(jax.random.key(0), 3, 16)
    xs = jax.random.normal(jax.random.key(1), (4, TIME, 3))
    initial = subject.state(*(jnp.ones((4, 16)) for _ in subject.state._fields))
    everywhere, columns = NamedSharding(devices, P()), NamedSharding(devices, P(None, "model"))
    shardings = (everywhere, everywhere, columns)
    compiled = jax.jit(subject.run, in_shardings=shardings).lower(params, xs, initial).compile()
    lines = [line for body in loop_bodies(compiled) for line in body if COLLECTIVE.search(line)]
    assert [COLLECTIVE.search(line)[1] for line in lines] == ["all-gather"]
    assert re.search(r"f32\[(16,4|4,16)\]", lines[0])
    found = compiled(*jax.device_put((params, xs, initial), shardings))
    assert_close(found, subject.run(params, xs, initial), FLOAT32)


def loop_bodies(compiled):
    """The lines of each computation that a while loop of the program runs."""
    text = compiled.as_text()
    names = set(re.findall(r"body=(%[\w.\-]+)", text))
    assert names
    computations = re.findall(r"^(%[\w.\-]+) [^\n]*\{\n(.*?)^\}", text, re.M | re.S)
    return [body.split("\n") for name, body in computations if name in names]


@every_kernel
def test_lowers_for_every_platform(name):
    c = case(name)
    run = jax.jit(value_and_gradients(name, jnp.asarray(c.lengths)))
    exported = jax.export.export(run, platforms=("cpu", "cuda", "tpu"))(*c[:3])
    assert exported.platforms == ("cpu", "cuda", "tpu")


@every_kernel
def test_bidirectional_is_both_directions(name):
    subject, there, back = SUBJECTS[name], case(name, seed=0), case(name, seed=1)
    lengths, states = there.lengths, (there.initial, back.initial)

    def both(params, xs):
        options = subject.options
        return kernels.bidirectional(
            subject.kernel, *params, xs, states, lengths=lengths, **options
        )

    def apart(params, xs):
        one, first = subject.run(params[0], xs, states[0], lengths=lengths)
        two, second = subject.run(params[1], xs, states[1], lengths=lengths, reverse=True)
        return jnp.concatenate([one, two], axis=-1), (first, second)

    operands = ((there.params, back.params), there.xs)
    assert_close(both(*operands), apart(*operands), FLOAT32)
    found, expected = (
        jax.jit(jax.grad(lambda *a, f=f: scalar(*f(*a)), (0, 1)))(*operands) for f in (both, apart)
    )
    assert_close(found, expected, FLOAT32_GRADIENT)
