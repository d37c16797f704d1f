"""Attention and its decoders against float64 loops, and against themselves in other forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.attention_cases import (
    BATCH,
    CELLS,
    HIDDEN,
    INPUTS,
    KEYS_OF,
    LENGTHS,
    STEPS,
    VALUES,
    decode,
    every_decoder,
    every_implementation,
    every_score,
    parameters,
    problem,
    respond,
)
from oracles import attention as oracle
from tolerances import (
    BFLOAT16,
    FLOAT32,
    FLOAT32_GRADIENT,
    FLOAT64_DIFFERENCES,
    FLOAT64_RECURRENT,
)

from nnarch import kernels


def as_dict(params):
    """By name, float64, all the way down."""
    if hasattr(params, "_fields"):
        return {name: as_dict(value) for name, value in params._asdict().items()}
    return np.asarray(params, np.float64)


def assert_rows(found, expected_of_row, tolerance):
    decoded, state = found
    for row in range(BATCH):
        *stacks, last = expected_of_row(row)
        for name, stack, expected in zip(decoded._fields, decoded, stacks, strict=True):
            np.testing.assert_allclose(stack[row], expected, err_msg=name, **tolerance)
        for leaf, expected in zip(jax.tree.leaves(state), last, strict=True):
            np.testing.assert_allclose(leaf[row], expected, **tolerance)


@every_implementation
@every_decoder
@every_score
@pytest.mark.parametrize(("cell", "reset"), CELLS)
def test_decoders_are_the_oracle(decoder, score, cell, reset, implementation):
    params, (xs, values) = parameters(decoder, score=score, cell=cell), problem()
    found = decode(
        decoder, params, xs, values, KEYS_OF, LENGTHS, reset=reset, implementation=implementation
    )
    run, named = getattr(oracle, decoder), as_dict(params)

    def expected(row):
        clean = [np.nan_to_num(np.asarray(a[row], np.float64)) for a in (xs, values)]
        return run(named, *clean, KEYS_OF[row], LENGTHS[row], reset)

    assert_rows(found, expected, FLOAT32)


@every_decoder
def test_float64_is_the_oracle(decoder):
    with jax.enable_x64(True):
        params = parameters(decoder, score="additive", dtype=jnp.float64)
        xs, values = problem(np.float64)
        found = decode(decoder, params, xs, values, KEYS_OF, LENGTHS)
        run, named = getattr(oracle, decoder), as_dict(params)

        def expected(row):
            clean = [np.nan_to_num(np.asarray(a[row])) for a in (xs, values)]
            return run(named, *clean, KEYS_OF[row], LENGTHS[row], "after")

        assert_rows(found, expected, FLOAT64_RECURRENT)


@every_decoder
@pytest.mark.parametrize(
    ("score", "cell", "reset"),
    [
        ("dot", "lstm", "after"),
        ("general", "gru", "after"),
        ("additive", "gru", "before"),
        ("additive", "lstm", "after"),
    ],
)
def test_gradients_are_those_of_the_plain_scan(decoder, score, cell, reset):
    params, (xs, values) = parameters(decoder, score=score, cell=cell), problem()
    found, expected = (
        respond(decoder, params, xs, values, KEYS_OF, LENGTHS, reset=reset, implementation=name)
        for name in ("scan", "reference")
    )
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.all(np.isfinite(f))
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


@every_decoder
@every_score
def test_gradients_agree_with_differences(decoder, score):
    with jax.enable_x64(True):
        params = parameters(decoder, score=score, dtype=jnp.float64)
        xs, values = map(jnp.nan_to_num, problem(np.float64))

        def run(params, xs, values):
            return decode(decoder, params, xs, values, KEYS_OF, LENGTHS)

        check_grads(run, (params, xs, values), order=1, modes=["rev"], **FLOAT64_DIFFERENCES)


@every_score
def test_attention_at_once_is_the_oracle(score):
    params, (_, values) = parameters("bahdanau", score=score).score, problem()
    queries = jax.random.normal(jax.random.key(0), (BATCH, STEPS, HIDDEN))
    memory = kernels.attention_memory(params, values, lengths=KEYS_OF)
    contexts, shares = kernels.attention(params, queries, memory)
    named = as_dict(params)
    for row in range(BATCH):
        clean = np.nan_to_num(np.asarray(values[row], np.float64))
        for t in range(STEPS):
            context, share = oracle.attend(named, np.float64(queries[row, t]), clean, KEYS_OF[row])
            np.testing.assert_allclose(contexts[row, t], context, **FLOAT32)
            np.testing.assert_allclose(shares[row, t], share, **FLOAT32)
            assert not np.any(shares[row, t, KEYS_OF[row] :])  # exactly


@every_decoder
def test_two_halves_are_the_whole(decoder):
    """What a search does: a step at a time over one memory."""
    params, (xs, values) = parameters(decoder), problem()
    xs = jnp.nan_to_num(xs)
    memory = kernels.attention_memory(params.score, values, lengths=KEYS_OF)
    run = {"luong": kernels.luong_decoder, "bahdanau": kernels.bahdanau_decoder}[decoder]
    whole, last = run(params, xs, memory)
    state, said = None, []
    for t in range(STEPS):
        decoded, state = run(params, xs[:, t : t + 1], memory, state)
        said.append(decoded.ys)
    np.testing.assert_allclose(jnp.concatenate(said, axis=1), whole.ys, **FLOAT32)
    for f, e in zip(jax.tree.leaves(state), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32)


@every_decoder
def test_bfloat16_keeps_its_dtype_and_states_are_float32(decoder):
    params, (xs, values) = parameters(decoder), problem()
    exact, _ = decode(decoder, params, xs, values, KEYS_OF, LENGTHS)
    low = [a.astype(jnp.bfloat16) for a in (xs, values)]
    rounded, state = decode(decoder, params, *low, KEYS_OF, LENGTHS)
    assert rounded.ys.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(state))
    assert rounded.shares.dtype == jnp.float32
    np.testing.assert_allclose(rounded.ys.astype(jnp.float32), exact.ys, atol=10 * BFLOAT16["atol"])


def test_scores_of_any_size_give_shares():
    """Large scores overflow no exponential; all equal ones share equally."""
    params = kernels.DotParams()
    values = jnp.full((1, 4, 2), 1e3)
    memory = kernels.attention_memory(params, values, lengths=[3])
    _, shares = kernels.attention(params, jnp.full((1, 1, 2), 1e3), memory)
    np.testing.assert_allclose(shares[0, 0], [1 / 3, 1 / 3, 1 / 3, 0], **FLOAT32)


def fitting():
    params = parameters("luong")
    return params, *problem()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda p, xs, v: (p, xs[0], v), "xs \\[B, T, D\\]"),
        (lambda p, xs, v: (p, xs[:3], v), "a memory for each row"),
        (lambda p, xs, v: (p, xs[..., :1], v), "init_luong_decoder"),
        (lambda p, xs, v: (p._replace(w_out=p.w_out[1:]), xs, v), "expects w_out"),
        (lambda p, xs, v: (p, xs.astype(jnp.int32), v), "floating"),
        (lambda p, xs, v: (p._replace(cell=p.score), xs, v), "an LSTM or a GRU"),
        (lambda p, xs, v: (tuple(p), xs, v), "expects LuongParams"),
        (lambda p, xs, v: (p._replace(b_out=p.b_out[None]), xs, v), "expects w_out"),
        (
            lambda p, xs, v: (p._replace(cell=p.cell._replace(b=p.cell.b[:1])), xs, v),
            r"'b': \(1,\)",
        ),
        (lambda p, xs, v: (p._replace(score=None), xs, v), "expects one of DotParams"),
    ],
)
def test_a_wrong_call_names_the_remedy(wrong, message):
    params, xs, values = wrong(*fitting())
    memory = kernels.attention_memory(parameters("luong").score, values)
    with pytest.raises(ValueError, match=message):
        kernels.luong_decoder(params, xs, memory)


def test_a_memory_that_does_not_fit_is_refused():
    params, _, values = fitting()
    with pytest.raises(ValueError, match="K = 5"):
        kernels.attention_memory(params.score, values[..., :5])
    with pytest.raises(ValueError, match="a key for each value"):
        kernels.attention_memory(params.score, values, values[:, :2])
    with pytest.raises(ValueError, match="lie between 0 and 5"):
        kernels.attention_memory(params.score, values, lengths=[9] * BATCH)
    memory = kernels.attention_memory(params.score, values)
    with pytest.raises(ValueError, match="queries of 6"):
        kernels.attention(params.score, jnp.zeros((BATCH, 1, 4)), memory)
    with pytest.raises(ValueError, match="one size"):
        kernels.init_luong_decoder(jax.random.key(0), INPUTS, VALUES, 5, 5, score="dot")


def test_nothing_gives_nothing():
    params, xs, values = fitting()
    memory = kernels.attention_memory(params.score, values[:, :0])
    decoded, _ = kernels.luong_decoder(params, jnp.nan_to_num(xs), memory)
    assert decoded.shares.shape == (BATCH, STEPS, 0)
    assert np.all(np.isfinite(decoded.ys))
    assert not np.any(decoded.contexts)


@every_score
def test_eager_calls_take_bfloat16(score):
    """A CPU has no such product outside a compiled program."""
    params, (_, values) = parameters("luong", score=score, cell="lstm").score, problem()
    low = jnp.asarray(values, jnp.bfloat16)
    queries = jnp.ones((BATCH, 2, HIDDEN), jnp.bfloat16)
    memory = kernels.attention_memory(params, low, lengths=KEYS_OF)
    contexts, shares = kernels.attention(params, queries, memory)
    assert (contexts.dtype, shares.dtype) == (jnp.bfloat16, jnp.float32)


def test_parameters_of_a_score_fit_each_other():
    _, _, values = fitting()
    additive = kernels.init_additive(jax.random.key(0), 6, values.shape[2], 4)
    with pytest.raises(ValueError, match=r"w_query \[Q, A\], w_key \[K, A\] and v \[A\]"):
        kernels.attention_memory(additive._replace(v=additive.v[:1]), values)
    with pytest.raises(ValueError, match="v is not"):
        kernels.attention_memory(additive._replace(v=jnp.ones(4, jnp.int32)), values)
    memory = kernels.attention_memory(additive, values)
    with pytest.raises(ValueError, match="a memory for each row"):
        kernels.attention(additive, jnp.zeros((1, 2, 6)), memory)
    for wrong in ({"cell": "rnn"}, {"score": "cosine"}):
        with pytest.raises(ValueError, match=r"is dot, general or additive|is one of lstm, gru"):
            kernels.init_luong_decoder(jax.random.key(0), 2, 3, 4, 5, **wrong)


@every_decoder
def test_an_initial_state_and_a_reset_are_the_decoder_s_own(decoder):
    params, (xs, values) = parameters(decoder), problem()
    memory = kernels.attention_memory(params.score, values)
    run = {"luong": kernels.luong_decoder, "bahdanau": kernels.bahdanau_decoder}[decoder]
    xs = jnp.nan_to_num(xs)
    _, state = run(params, xs, memory)
    run(params, xs, memory, state)
    with pytest.raises(ValueError, match="for a GRU alone; leave it out"):
        run(params, xs, memory, reset="before")
    with pytest.raises(ValueError, match="initial state of shapes"):
        run(params, xs, memory, jax.tree.map(lambda leaf: leaf[:1], state))
    with pytest.raises(ValueError, match="expects an initial"):
        run(params, xs, memory, kernels.ElmanState(jnp.zeros((BATCH, HIDDEN))))


@pytest.mark.parametrize("steps", [1, 3])
def test_bfloat16_of_a_shape_that_a_cpu_has_no_product_for(steps):
    """XLA: "Unsupported element type for DotThunk: BF16 x BF16 = F32"."""
    params = kernels.init_luong_decoder(jax.random.key(0), 8, 8, 8, 8)
    memory = kernels.attention_memory(params.score, jnp.ones((2, 5, 8), jnp.bfloat16))
    decoded, _ = kernels.luong_decoder(params, jnp.ones((2, steps, 8), jnp.bfloat16), memory)
    assert np.all(np.isfinite(decoded.ys.astype(jnp.float32)))


def test_every_bias_of_a_gru_is_its_own():
    """Of one number a product would make as many as are asked for."""
    params, (xs, values) = parameters("luong", cell="gru"), problem()
    memory = kernels.attention_memory(params.score, values)
    for wrong in (jnp.zeros(1), jnp.zeros(()), jnp.zeros(HIDDEN + 1)):
        cell = params.cell._replace(b_n=wrong)
        with pytest.raises(ValueError, match="init_luong_decoder"):
            kernels.luong_decoder(params._replace(cell=cell), xs, memory)


@pytest.mark.parametrize("shape", [(6,), (2, 6, 6)])
def test_a_general_score_is_of_one_matrix(shape):
    with pytest.raises(ValueError, match=r"w \[Q, K\].*init_general"):
        kernels.attention_memory(kernels.GeneralParams(jnp.ones(shape)), jnp.zeros((2, 3, 6)))


@every_decoder
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_parameters_may_be_of_more_digits_than_what_is_read(decoder, cell):
    with jax.enable_x64(True):
        xs, values = problem()
        params = parameters(decoder, cell=cell, dtype=jnp.float64)
        found, state = decode(decoder, params, xs, values, KEYS_OF, LENGTHS)
        assert {leaf.dtype for leaf in jax.tree.leaves((found, state))} == {np.dtype(np.float32)}
        rounded = jax.tree.map(lambda p: p.astype(jnp.float32), params)
        expected, _ = decode(decoder, rounded, xs, values, KEYS_OF, LENGTHS)
    np.testing.assert_allclose(found.ys, expected.ys, **FLOAT32)


@every_decoder
@pytest.mark.filterwarnings("error")
def test_numpy_s_own_float64_is_float32(decoder):
    xs, values = (np.nan_to_num(np.asarray(a, np.float64)) for a in problem())
    found, _ = decode(decoder, parameters(decoder), xs, values, KEYS_OF, LENGTHS)
    assert found.ys.dtype == np.float32


def test_an_unknown_implementation_names_the_decoder():
    params, (xs, values) = parameters("luong"), problem()
    with pytest.raises(ValueError, match="luong_decoder has no implementation 'fast'"):
        decode("luong", params, xs, values, KEYS_OF, LENGTHS, implementation="fast")
