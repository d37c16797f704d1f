"""Arrays on a mesh as `jax.make_mesh` makes it, of explicit axes: the answers of one device."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.compiled_loops import loop_collectives
from kernels.recurrent_cases import assert_close
from tolerances import FLOAT32_DEEP

from nnarch import kernels
from nnarch.kernels.explicit_axes import rows_as, rows_of_mesh

B, T, D, H, S, V = 8, 5, 3, 4, 6, 7
ROWS = jnp.arange(B, dtype=jnp.int32)
LENGTHS = ROWS % T + 1
RECURRENT = ("elman", "lstm", "gru", "layer_norm_lstm", "peephole_lstm")
IMPLEMENTATIONS = (None, "reference")


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def recurrent(name, implementation):
    params = getattr(kernels, f"init_{name}")(jax.random.key(0), D, H)
    run = getattr(kernels, name)
    return (
        lambda p, xs, n: run(p, xs, lengths=n, implementation=implementation),
        params,
        (draw(1, B, T, D), LENGTHS),
    )


def both_ways():
    params = kernels.init_lstm(jax.random.key(0), D, H)
    return (
        lambda p, xs, n: kernels.bidirectional(kernels.lstm, p, p, xs, lengths=n),
        params,
        (draw(1, B, T, D), LENGTHS),
    )


def ctc(implementation):
    labels = jax.random.randint(jax.random.key(2), (B, 2), 1, V)
    operands = draw(1, B, T, V), LENGTHS, labels, ROWS % 3
    loss = partial(kernels.ctc_loss, implementation=implementation)

    def run(bias, logits, *rest):
        found = loss(logits + bias, *rest)
        return jnp.where(jnp.isinf(found), 0, found)

    return run, draw(0, V), operands


def align():
    _, bias, operands = ctc(None)
    return lambda b, logits, *rest: kernels.ctc_align(logits + b, *rest)[0], bias, operands


def read(search, **options):
    _, bias, (logits, lengths, *_) = ctc(None)
    return lambda b, x, n: search(x + b, n, **options)[:2], bias, (logits, lengths)


def pictures(implementation):
    params = kernels.init_mdlstm(jax.random.key(0), D, H)
    sizes = jnp.stack([ROWS % 4 + 1, ROWS % 5 + 1], axis=1)
    run = partial(kernels.mdlstm, implementation=implementation)
    return lambda p, xs, n: run(p, xs, sizes=n), params, (draw(1, B, 4, 5, D), sizes)


def patches():
    params = kernels.init_renet(jax.random.key(0), D, H, kernel=kernels.gru)
    return lambda p, xs: kernels.renet(kernels.gru, p, xs), params, (draw(1, B, 4, 5, D),)


def volumes():
    params = kernels.init_pyramid(jax.random.key(0), D, H)
    return kernels.conv_lstm, params, (draw(1, B, 3, 3, 4, D),)


def grid(dimensions):
    kinds = ("lstm",) * dimensions
    params = kernels.init_grid_lstm(jax.random.key(0), H, dimensions=kinds)
    run = getattr(kernels, f"grid_lstm_{dimensions}d")
    units = draw(1, B, *(4, 5)[: dimensions - 1], H)
    return lambda p, h: run(p, kernels.GridState(h, None), layers=2), params, (units,)


def decoder(name):
    params = getattr(kernels, f"init_{name}")(jax.random.key(0), D, H, H, H)

    def run(p, xs, values, n):
        memory = kernels.attention_memory(p.score, values, lengths=n)
        return getattr(kernels, name)(p, xs, memory)

    return run, params, (draw(1, B, T, D), draw(2, B, S, H), ROWS % S)


def look():
    params = kernels.init_additive(jax.random.key(0), H, H, 5)

    def run(p, queries, values, n):
        return kernels.attention(p, queries, kernels.attention_memory(p, values, lengths=n))

    return run, params, (draw(1, B, T, H), draw(2, B, S, H), ROWS % S)


def drawing(anew):
    params = kernels.init_draw(
        jax.random.key(0), H, H, latents=3, read=3, write=3, attention_size=5
    )

    def run(p, seen, noise, values):
        memory = kernels.attention_memory(p.score, values)
        if anew:
            return kernels.draw_anew(p, memory, noise, size=seen.shape[1:])
        return kernels.draw_again(p, seen, memory, noise)

    return run, params, (jax.nn.sigmoid(draw(1, B, 6, 7)), draw(2, B, 3, 3), draw(3, B, S, H))


def step(table, state, tokens):
    """Each token moves a row's state, and that scores the next; a part of it never changes."""
    h, still = state
    h = jnp.tanh(h + table.at[tokens].get(out_sharding=jax.typeof(h).sharding))
    return (h + still) @ table.T, (h, still)


def search(table, h, still):
    options = {"start": 0, "end": 1, "max_length": 5, "beam": 3, "best": 2, "length_penalty": 0.5}
    return kernels.beam_search(partial(step, table), (h, still), **options)


def sample(table, h, still):
    keys = jax.random.split(jax.random.key(1), B)
    options = {"start": 0, "end": 1, "max_length": 5, "samples": 2, "top_k": 4}
    return kernels.sample_sequences(keys, partial(step, table), (h, still), **options)


CASES = {
    **{f"{n} {i}": partial(recurrent, n, i) for n in RECURRENT for i in IMPLEMENTATIONS},
    "bidirectional": both_ways,
    **{f"ctc_loss {i}": partial(ctc, i) for i in IMPLEMENTATIONS},
    **{f"mdlstm {i}": partial(pictures, i) for i in IMPLEMENTATIONS},
    "renet": patches,
    "conv_lstm": volumes,
    **{f"grid_lstm_{n}d": partial(grid, n) for n in (1, 2, 3)},
    "attention": look,
    "luong_decoder": partial(decoder, "luong_decoder"),
    "bahdanau_decoder": partial(decoder, "bahdanau_decoder"),
    "draw_again": partial(drawing, False),
    "draw_anew": partial(drawing, True),
}
WITHOUT_GRADIENT = {
    "ctc_align": align,
    "ctc_greedy": partial(read, kernels.ctc_greedy),
    "ctc_beam_search": partial(read, kernels.ctc_beam_search, beam=3),
    "beam_search": lambda: (search, draw(0, V, H), (draw(1, B, H), draw(2, B, H))),
    "sample_sequences": lambda: (sample, draw(0, V, H), (draw(1, B, H), draw(2, B, H))),
}


def mesh():
    return jax.make_mesh((4, 2), ("data", "model"), axis_types=(AxisType.Explicit,) * 2)


def placed(tree, spec):
    return jax.device_put(tree, NamedSharding(mesh(), spec))


def squares(tree):
    floats = (x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating))
    return sum(jnp.sum(x.astype(jnp.float32) ** 2) for x in floats)


def answer(run, *operands):
    """What is returned, and the gradient of its squares by the parameters."""

    def total(params, *data):
        found = run(params, *data)
        return squares(found), found

    gradient, found = jax.jit(jax.grad(total, has_aux=True))(*operands)
    return found, gradient


def rows_are_split(tree):
    return {leaf.sharding.spec[:1] for leaf in jax.tree.leaves(tree)} == {("data",)}


@pytest.mark.parametrize("name", CASES)
def test_answers_and_gradients(name):
    run, params, data = CASES[name]()
    found = answer(run, placed(params, P()), *placed(data, P("data")))
    assert rows_are_split(found[0])
    assert_close(found, answer(run, params, *data), FLOAT32_DEEP)


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_answers(name):
    run, params, data = WITHOUT_GRADIENT[name]()
    found = jax.jit(run)(placed(params, P()), *placed(data, P("data")))
    assert rows_are_split(found)
    assert_close(found, jax.jit(run)(params, *data), FLOAT32_DEEP)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_weights_may_be_split_too(implementation):
    run, params, data = recurrent("lstm", implementation)
    specs = kernels.LSTMParams(P(None, "model"), P(None, "model"), P("model"))
    split = jax.tree.map(placed, params, specs)
    found = answer(run, split, *placed(data, P("data")))
    assert [leaf.sharding.spec for leaf in found[1]] == [*specs]
    assert_close(found, answer(run, params, *data), FLOAT32_DEEP)


def test_called_eagerly_with_the_mesh_in_use_or_not():
    run, params, data = recurrent("lstm", None)
    split = placed(params, P()), *placed(data, P("data"))
    expected = run(params, *data)
    assert_close(run(*split), expected, FLOAT32_DEEP)
    with jax.set_mesh(mesh()):
        assert_close(run(*split), expected, FLOAT32_DEEP)
        assert_close(
            jax.grad(lambda *a: squares(run(*a)))(*split), answer(run, *split)[1], FLOAT32_DEEP
        )


def test_vmap_over_batches_that_are_split_within():
    run, params, (xs, lengths) = recurrent("lstm", None)
    many, rows = jnp.stack([xs, 2 * xs]), placed(lengths, P("data"))
    run_all = jax.jit(jax.vmap(run, in_axes=(None, 0, None)))
    found = run_all(params, placed(many, P(None, "data")), rows)
    assert_close(found, run_all(params, many, lengths), FLOAT32_DEEP)


def test_devices_say_nothing_to_each_other_in_the_loops():
    run, params, data = recurrent("lstm", None)
    operands = placed(params, P()), *placed(data, P("data"))
    program = jax.jit(jax.grad(lambda *a: squares(run(*a)))).lower(*operands).compile()
    assert not any(loop_collectives(program))


def test_rows_lie_as_the_first_array_whose_rows_are_split():
    whole, split = placed(jnp.zeros(8), P()), placed(jnp.zeros((8, 2)), P("data"))
    assert rows_of_mesh((whole, split)).spec == P("data")
    assert rows_of_mesh((whole, whole)).spec == P()
    assert rows_of_mesh((jnp.zeros(8),)) is None


def test_bad_input_is_told_as_everywhere():
    run, params, (xs, lengths) = recurrent("lstm", None)
    with pytest.raises(ValueError, match="lengths"):
        run(placed(params, P()), placed(xs, P("data")), lengths[:3])


def test_a_kernel_keeps_its_name_and_signature():
    def kernel(params, xs, *, lengths=None):
        """What it does."""

    seen = rows_as("xs")(kernel)
    assert (seen.__name__, seen.__doc__) == ("kernel", "What it does.")
    assert inspect.signature(seen) == inspect.signature(kernel)
