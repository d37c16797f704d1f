"""Grid LSTM in every implementation: the oracle, known degenerate cases, padding, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.grid_cases import (
    HIDDEN,
    LAYERS,
    every_implementation,
    expected_1d,
    expected_2d,
    expected_3d,
    parameters,
    pictures,
    sequences,
    state,
)
from tolerances import BFLOAT16, FLOAT32, FLOAT32_DIFFERENCES, FLOAT32_GRADIENT, FLOAT64_RECURRENT

from nnarch.kernels import (
    GridParams,
    GridState,
    LSTMParams,
    LSTMState,
    grid_lstm_1d,
    grid_lstm_2d,
    grid_lstm_3d,
    init_grid_lstm,
    lstm,
)

LENGTHS = np.array([4, 2, 0])
SIZES = np.array([(3, 2), (2, 1), (0, 2)])

# dimensions, priority, tied, squash
BLOCKS_2D = [
    (("lstm", "lstm"), None, True, "after"),
    (("lstm", "lstm"), None, False, "before"),
    (("lstm", "lstm"), 0, True, "after"),
    (("lstm", "lstm"), 1, False, "after"),
    (("lstm", "tanh"), 1, True, "before"),
    (("relu", "lstm"), 0, True, "after"),
]
BLOCKS_3D = [
    (("lstm", "lstm", "lstm"), None, True, "after"),
    (("lstm", "lstm", "lstm"), 2, False, "before"),
    (("lstm", "relu", "lstm"), 1, True, "after"),
]
blocks_2d = pytest.mark.parametrize("block", BLOCKS_2D, ids=str)
blocks_3d = pytest.mark.parametrize("block", BLOCKS_3D, ids=str)


def assert_close(found, expected, tolerance=FLOAT32):
    leaves = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    for f, e in leaves:
        np.testing.assert_allclose(f, e, **tolerance)


def options(block, layers=LAYERS):
    dimensions, priority, tied, squash = block
    tied_layers = {"layers": layers} if tied else {}
    return {"dimensions": dimensions, "priority": priority, "squash": squash} | tied_layers


@every_implementation
@pytest.mark.parametrize("kind", ["lstm", "tanh", "relu"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_one_dimension_is_the_oracle(implementation, kind, tied):
    params, initial = parameters((kind,), tied=tied), state(3)
    found = grid_lstm_1d(
        params,
        initial,
        layers=LAYERS if tied else None,
        dimensions=(kind,),
        implementation=implementation,
    )
    assert_close(found, expected_1d(params, initial, dimensions=(kind,)))


@every_implementation
@blocks_2d
def test_two_dimensions_are_the_oracle(implementation, block):
    dimensions, priority, tied, squash = block
    params = parameters(dimensions, tied=tied)
    xs, initial = sequences(LENGTHS, 4)
    found = grid_lstm_2d(
        params, xs, initial, lengths=LENGTHS, **options(block), implementation=implementation
    )
    expected = expected_2d(
        params, xs, initial, LENGTHS, dimensions=dimensions, priority=priority, squash=squash
    )
    assert_close(found, expected)


@every_implementation
@blocks_3d
def test_three_dimensions_are_the_oracle(implementation, block):
    dimensions, priority, tied, squash = block
    params = parameters(dimensions, tied=tied)
    xs, sides = pictures(SIZES, 3, 2)
    found = grid_lstm_3d(
        params, xs, sides, sizes=SIZES, **options(block), implementation=implementation
    )
    expected = expected_3d(
        params, xs, sides, SIZES, dimensions=dimensions, priority=priority, squash=squash
    )
    assert_close(found, expected)


def test_float64_is_the_oracle():
    with jax.enable_x64(True):
        params, (xs, initial) = jax.tree.map(
            lambda a: np.asarray(a, np.float64), (parameters(("lstm", "lstm")), sequences([4], 4))
        )
        found = grid_lstm_2d(params, GridState(*xs), GridState(*initial), layers=LAYERS)
        assert found[0].h.dtype == found[1].m.dtype == np.float64
        expected = expected_2d(
            params, GridState(*xs), GridState(*initial), [4], dimensions=("lstm", "lstm")
        )
    assert_close(found, expected, FLOAT64_RECURRENT)


def test_one_dimension_is_an_lstm_over_depth_that_reads_nothing():
    params, initial = parameters(("lstm",)), state(3)
    found = grid_lstm_1d(params, initial, layers=5, squash="before")
    reading = LSTMParams(jnp.zeros((1, 4 * HIDDEN)), params.w[0], params.b[0])
    _, expected = lstm(reading, jnp.zeros((3, 5, 1)), LSTMState(*initial))
    assert_close(found, expected)


def test_with_a_tanh_along_depth_a_layer_is_an_lstm():
    params = parameters(("lstm", "tanh"))
    xs, _ = sequences([4, 4], 4)
    _, final = grid_lstm_2d(params, xs, layers=1, dimensions=("lstm", "tanh"), squash="before")
    w_h, w_x = jnp.split(params.w[0], 2)
    _, expected = lstm(LSTMParams(w_x, w_h, params.b[0]), xs.h)
    assert_close(jax.tree.map(lambda a: a[:, 0], final), expected)


@every_implementation
def test_with_shared_weights_time_and_depth_may_be_exchanged(implementation):
    """As many steps as layers: what enters one side then enters the other."""
    own, other = jnp.split(parameters(("lstm", "lstm")).w[0], 2)
    b = parameters(("lstm", "lstm")).b[0]
    params = GridParams((jnp.concatenate([own, other]), jnp.concatenate([other, own])), (b, b))
    along_depth, along_time = state(2, 3, seed=1), state(2, 3, seed=2)
    above, final = grid_lstm_2d(
        params, along_depth, along_time, layers=3, implementation=implementation
    )
    exchanged = grid_lstm_2d(
        params, along_time, along_depth, layers=3, implementation=implementation
    )
    assert_close(exchanged, (final, above))


def test_three_dimensions_with_one_column_are_two():
    """What enters the columns is zero, and their weights have no part in the others."""
    two = parameters(("lstm", "lstm"))
    nothing = jnp.zeros((HIDDEN, 4 * HIDDEN))

    def wider(w):
        time, depth = jnp.split(w, 2)
        return jnp.concatenate([time, nothing, depth])

    w, b = tuple(map(wider, two.w)), two.b
    three = GridParams((w[0], wider(two.w[0]), w[1]), (b[0], b[0], b[1]))
    xs, initial = sequences([4, 4], 4)
    expected, _ = grid_lstm_2d(two, xs, initial, layers=LAYERS)
    picture = jax.tree.map(lambda a: a[:, :, None], xs)
    found = grid_lstm_3d(
        three, picture, (jax.tree.map(lambda a: a[:, None], initial), None), layers=LAYERS
    )
    assert_close(jax.tree.map(lambda a: a[:, :, 0], found), expected)


@blocks_2d
def test_gradients_in_two_dimensions(block):
    """Against differences and the reference; gradients past a row's end count for nothing."""
    params = parameters(block[0], tied=block[2])
    xs, initial = sequences(LENGTHS, 4)
    weights = np.random.default_rng(3).normal(size=(2, 3, 4, HIDDEN)).astype(np.float32)
    weights[:, np.arange(4) >= LENGTHS[:, None]] = np.nan

    def total(params, xs, initial, name):
        ys, final = grid_lstm_2d(
            params, xs, initial, lengths=LENGTHS, **options(block), implementation=name
        )
        both = jnp.stack(ys)
        return jnp.sum(jnp.where(np.isnan(weights), 0, both * np.nan_to_num(weights))) + sum(
            jnp.sum(jnp.sin(part)) for part in final
        )

    clean = jax.tree.map(jnp.nan_to_num, xs)
    found = jax.jit(jax.grad(total, (0, 1, 2)), static_argnums=3)(params, xs, initial, "wavefront")
    expected = jax.jit(jax.grad(total, (0, 1, 2)), static_argnums=3)(
        params, clean, initial, "reference"
    )
    assert_close(found, expected, FLOAT32_GRADIENT)
    if block[0][0] == "relu":
        return  # differences do not see a kink
    check_grads(
        lambda *operands: total(*operands, "wavefront"),
        (params, clean, initial),
        order=1,
        modes=["rev"],
        **FLOAT32_DIFFERENCES,
    )


@blocks_3d
def test_gradients_in_three_dimensions(block):
    params = parameters(block[0], tied=block[2])
    xs, sides = pictures(SIZES, 3, 2)
    weights = jax.random.normal(jax.random.key(3), (3, 3, 2, HIDDEN))

    def total(params, xs, sides, name):
        ys = grid_lstm_3d(params, xs, sides, sizes=SIZES, **options(block), implementation=name)
        return jnp.sum(ys.h * weights + jnp.sin(ys.m))

    gradient = jax.jit(jax.grad(total, (0, 1, 2)), static_argnums=3)
    clean = jax.tree.map(jnp.nan_to_num, xs)
    found = gradient(params, xs, sides, "wavefront")
    assert_close(found, gradient(params, clean, sides, "reference"), FLOAT32_GRADIENT)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_gradients_in_one_dimension(tied):
    params, initial = parameters(("lstm",), tied=tied), state(3)

    def total(params, initial):
        final = grid_lstm_1d(params, initial, layers=LAYERS)
        return jnp.sum(jnp.sin(final.h) + final.m**2)

    check_grads(total, (params, initial), order=1, modes=["rev"], **FLOAT32_DIFFERENCES)


def test_forward_mode_is_served_by_the_reference():
    params, initial = parameters(("lstm",)), state(3)
    run = lambda s: grid_lstm_1d(params, s, layers=LAYERS, implementation="reference").h  # noqa: E731
    _, tangent = jax.jvp(run, (initial,), (initial,))
    step = jax.tree.map(lambda a: 1e-2 * a, initial)
    ahead = run(jax.tree.map(jnp.add, initial, step))
    behind = run(jax.tree.map(jnp.subtract, initial, step))
    differences = {name: FLOAT32_DIFFERENCES[name] for name in ("rtol", "atol")}
    np.testing.assert_allclose(tangent, (ahead - behind) / 2e-2, **differences)


def test_bfloat16_keeps_its_dtype_and_states_are_float32():
    exact, (xs, _) = parameters(("lstm", "lstm")), sequences([4], 4)
    rounded = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (exact, xs))
    ys, final = grid_lstm_2d(*rounded, layers=LAYERS)
    assert ys.h.dtype == ys.m.dtype == jnp.bfloat16
    assert final.h.dtype == final.m.dtype == jnp.float32
    params, xs = jax.tree.map(lambda a: a.astype(jnp.float32), rounded)
    expected = grid_lstm_2d(params, xs, layers=LAYERS)
    assert_close(jax.tree.map(lambda a: a.astype(jnp.float32), (ys, final)), expected, BFLOAT16)


def test_m_may_be_left_out():
    params, xs = parameters(("lstm", "lstm")), state(2, 3)
    found = grid_lstm_2d(params, GridState(xs.h, None), layers=LAYERS)
    zeros = GridState(xs.h, jnp.zeros_like(xs.h))
    assert_close(found, grid_lstm_2d(params, zeros, layers=LAYERS))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_gives_nothing(shape):
    params = parameters(("lstm", "lstm"))
    ys, final = grid_lstm_2d(params, state(*shape), layers=LAYERS)
    assert ys.h.shape == (*shape, HIDDEN)
    assert final.h.shape == (shape[0], LAYERS, HIDDEN)
    three = parameters(("lstm",) * 3)
    assert grid_lstm_3d(three, state(*shape, 2), layers=LAYERS).m.shape == (*shape, 2, HIDDEN)


def test_init_opens_the_forget_gates_and_draws_own_weights_orthogonal():
    params = init_grid_lstm(jax.random.key(0), HIDDEN, layers=2)
    for place in range(2):
        biases = params.b[place].reshape(2, 4, HIDDEN)
        np.testing.assert_array_equal(biases[..., 0], [[0, 1, 0, 0]] * 2)
        own = params.w[place][:, place * HIDDEN :][:, :HIDDEN]
        for w in jnp.split(own, 4, axis=-1):
            eye = jnp.broadcast_to(jnp.eye(HIDDEN), w.shape)
            np.testing.assert_allclose(w @ w.swapaxes(1, 2), eye, **FLOAT32)
    assert not np.allclose(params.w[0][0], params.w[0][1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"xs": GridState(jnp.zeros((2, 3)), None)}, r"xs.h of a floating dtype and shape"),
        ({"xs": GridState(jnp.zeros((2, 3, 3), int), None)}, "floating dtype"),
        ({"xs": jnp.zeros((2, 3, 3))}, r"GridState\(h, m\)"),
        ({"xs": GridState(jnp.zeros((2, 3, 4)), None)}, r"init_grid_lstm\(key, 4"),
        ({"xs": GridState(jnp.zeros((2, 3, 3)), jnp.zeros((2, 3, 1)))}, "of one shape"),
        ({"params": (1, 2)}, "GridParams"),
        ({"initial": GridState(jnp.zeros((2, 5, 3)), None)}, r"initial.h.*\[2, 2, 3\]"),
        ({"layers": None}, "Say how deep"),
        ({"layers": 0}, "1 or more"),
        ({"dimensions": ("lstm",)}, "expects 2 dimensions"),
        ({"dimensions": ("lstm", "gru")}, "'tanh', 'relu'"),
        ({"priority": 2}, "from 0 to 1"),
        ({"squash": "inside"}, "'after'.*'before'"),
        ({"lengths": [4, 1]}, "between 0 and 3"),
        ({"implementation": "cudnn"}, "'wavefront', 'reference'"),
    ],
)
def test_a_wrong_call_names_the_remedy(wrong, message):
    call = {"params": parameters(("lstm", "lstm")), "xs": state(2, 3), "layers": LAYERS} | wrong
    with pytest.raises(ValueError, match=message):
        grid_lstm_2d(call.pop("params"), call.pop("xs"), **call)


def test_more_that_is_refused():
    with pytest.raises(ValueError, match="pair"):
        grid_lstm_3d(parameters(("lstm",) * 3), state(1, 2, 2), (None,), layers=1)
    with pytest.raises(ValueError, match="Leave layers out"):
        grid_lstm_1d(parameters(("lstm",), tied=False), state(1), layers=5)
    with pytest.raises(ValueError, match="layers is 0; give an integer of 1 or more"):
        init_grid_lstm(jax.random.key(0), 3, layers=0)
