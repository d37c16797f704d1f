"""Parameters of the recurrent cells begin as the papers say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch import kernels

INPUTS, HIDDEN = 7, 16
INIT = {"elman": kernels.init_elman, "lstm": kernels.init_lstm, "gru": kernels.init_gru}
GATES = {"elman": 1, "lstm": 4, "gru": 3}
every_cell = pytest.mark.parametrize("name", INIT)


def draw(name, seed=0, **options):
    return INIT[name](jax.random.key(seed), INPUTS, HIDDEN, **options)


def gates_of(weight):
    return np.split(np.asarray(weight, np.float64), weight.shape[-1] // HIDDEN, axis=-1)


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_shapes_and_dtypes(name, dtype):
    params, columns = draw(name, dtype=jnp.dtype(dtype)), GATES[name] * HIDDEN
    assert params.w_x.shape == (INPUTS, columns)
    assert params.w_h.shape == (HIDDEN, columns)
    assert params.b.shape == (columns,)
    assert name != "gru" or params.b_n.shape == (HIDDEN,)
    assert {p.dtype for p in params} == {jnp.dtype(dtype)}


@every_cell
def test_float64(name):
    with jax.enable_x64(True):
        params = draw(name, dtype=jnp.float64)
    assert {p.dtype for p in params} == {np.dtype(np.float64)}
    for gate in gates_of(params.w_h):
        np.testing.assert_allclose(gate @ gate.T, np.eye(HIDDEN), atol=1e-14)


@every_cell
def test_each_recurrent_matrix_is_orthogonal(name):
    gates = gates_of(draw(name).w_h)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(HIDDEN), **FLOAT32)
    assert len({gate.tobytes() for gate in gates}) == GATES[name]


@every_cell
def test_input_weights_are_glorots(name):
    """Uniform up to sqrt(6 / (D + H)), each gate by itself: not sqrt(6 / (D + 4 H))."""
    bound = np.sqrt(6 / (INPUTS + HIDDEN))
    for gate in gates_of(draw(name).w_x):
        assert 0.95 * bound < np.abs(gate).max() <= bound
        assert abs(gate.std() - bound / np.sqrt(3)) < 0.1 * bound


@every_cell
def test_biases_are_0_but_a_forget_gates_1(name):
    params = draw(name)
    expected = {"elman": [0], "lstm": [0, 1, 0, 0], "gru": [0, 0, 0]}[name]
    np.testing.assert_array_equal(params.b, np.repeat(expected, HIDDEN))
    assert name != "gru" or not np.any(params.b_n)


@every_cell
def test_a_key_draws_the_same_and_another_key_another(name):
    np.testing.assert_array_equal(draw(name).w_x, draw(name).w_x)
    assert not np.any(np.asarray(draw(name).w_x) == np.asarray(draw(name, seed=1).w_x))


@every_cell
def test_under_jit_and_under_strict_dtypes(name):
    with jax.numpy_dtype_promotion("strict"):
        drawn = jax.jit(lambda key: INIT[name](key, 3, 4, dtype=jnp.bfloat16))(jax.random.key(0))
    assert {p.dtype for p in drawn} == {jnp.dtype(jnp.bfloat16)}


@every_cell
@pytest.mark.parametrize(
    ("sizes", "message"), [((0, 5), "input_size is 0"), ((3, -1), "hidden_size is -1")]
)
def test_sizes_of_nothing(name, sizes, message):
    with pytest.raises(ValueError, match=f"{message}.*1 or more"):
        INIT[name](jax.random.key(0), *sizes)


DRAWN = {
    "additive": ("query_size", "key_size", "hidden_size"),
    "bahdanau_decoder": ("input_size", "memory_size", "hidden_size", "attention_size"),
    "draw": ("value_size", "hidden_size", "latents", "read", "write", "attention_size"),
    "general": ("query_size", "key_size"),
    "grid_lstm": ("hidden_size", "layers"),
    "luong_decoder": ("input_size", "memory_size", "hidden_size", "output_size"),
    "lstm": ("input_size", "hidden_size"),
    "mdlstm": ("input_size", "hidden_size"),
    "pyramid": ("input_size", "hidden_size", "window"),
    "renet": ("input_size", "hidden_size"),
}


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "3"])
@pytest.mark.parametrize(("name", "wrong"), [(n, w) for n in DRAWN for w in DRAWN[n]])
def test_sizes_that_are_none(name, wrong, size):
    sizes = dict.fromkeys(DRAWN[name], 3) | {wrong: size}
    more = {"kernel": kernels.lstm} if name == "renet" else {}
    with pytest.raises(ValueError, match=f"{wrong} is .*integer of 1 or more"):
        getattr(kernels, f"init_{name}")(jax.random.key(0), **sizes, **more)
