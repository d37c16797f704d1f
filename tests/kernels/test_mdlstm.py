"""MDLSTM in every implementation: the oracle, degenerate pictures, sizes, directions, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.mdlstm_cases import (
    HIDDEN,
    INPUTS,
    every_cell,
    every_implementation,
    expected_directions,
    parameters,
    pictures,
    served_by,
)
from oracles import mdlstm as oracle
from tolerances import (
    BFLOAT16,
    FLOAT32,
    FLOAT32_DIFFERENCES,
    FLOAT32_GRADIENT,
    FLOAT64_RECURRENT,
    PRINTED,
)

from nnarch.kernels import LSTMParams, lstm
from nnarch.kernels.multidim import MDLSTMParams, init_mdlstm, mdlstm, mdlstm_directions

SHAPES = [(3, 3, 4), (3, 5, 2), (2, 1, 4), (2, 4, 1), (1, 1, 1)]


def sizes_in(shape):
    """The whole picture, one that is smaller, and an empty one, as far as the batch goes."""
    _, rows, columns = shape
    return np.array([(rows, columns), (max(rows - 1, 1), columns), (0, columns)])[: shape[0]]


@every_cell
@every_implementation
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_directions_are_the_oracle(implementation, stable, shape):
    params, sizes = parameters(4), sizes_in(shape)
    xs = pictures(shape, sizes=sizes)
    with served_by(implementation) as name:
        found = mdlstm_directions(params, xs, sizes=sizes, stable=stable, implementation=name)
    expected = expected_directions(params, xs, sizes, stable=stable)
    np.testing.assert_allclose(found, expected, **FLOAT32)


@every_cell
def test_float64_is_the_oracle(stable):
    with jax.enable_x64(True):
        params = jax.tree.map(lambda p: p.astype(np.float64), parameters())
        xs = np.asarray(pictures((1, 4, 5)), np.float64)
        found = mdlstm(params, xs, stable=stable)
        assert found.dtype == np.float64
        expected, _ = oracle.mdlstm(params, xs[0], stable=stable)
        np.testing.assert_allclose(found[0], expected, **FLOAT64_RECURRENT)


def test_published_equations_by_hand():
    """One unit whose gates all see the same argument, but for the state's."""
    w, above, left = 0.5, 0.25, -0.25
    params = MDLSTMParams(
        *(jnp.full((1, 5), value) for value in (w, above, left)), jnp.zeros(5, jnp.float32)
    )
    found = mdlstm(params, jnp.ones((1, 2, 3, 1)))[0, ..., 0]
    hs = [[0.17426972, 0.2519958, 0.28818023], [0.29014563, 0.43205317, 0.49391122]]
    np.testing.assert_allclose(found, hs, **PRINTED)


@every_implementation
@pytest.mark.parametrize("axis", ["row", "column"])
def test_a_picture_of_one_line_is_an_lstm(implementation, axis):
    """The forget gate of the axis that there is not looks at nothing."""
    params = parameters()
    i, f_row, f_col, g, o = range(5)
    gates = (i, f_col if axis == "row" else f_row, g, o)

    def chosen(w):
        parts = jnp.split(w, 5, axis=-1)
        return jnp.concatenate([parts[gate] for gate in gates], axis=-1)

    along = params.w_col if axis == "row" else params.w_row
    line = LSTMParams(chosen(params.w_x), chosen(along), chosen(params.b))
    xs = pictures((2, 6, 1))[:, :, 0]
    expected, _ = lstm(line, xs)
    picture = xs[:, None] if axis == "row" else xs[:, :, None]
    with served_by(implementation) as name:
        found = mdlstm(params, picture, implementation=name)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, **FLOAT32)


@every_implementation
def test_a_transposed_picture_with_exchanged_weights_is_transposed(implementation):
    params, xs = parameters(), pictures((2, 3, 5))

    def exchanged(w):
        i, f_row, f_col, g, o = jnp.split(w, 5, axis=-1)
        return jnp.concatenate([i, f_col, f_row, g, o], axis=-1)

    w_x, w_row, w_col, b = map(exchanged, params)
    with served_by(implementation) as name:
        found = mdlstm(MDLSTMParams(w_x, w_col, w_row, b), xs.swapaxes(1, 2), implementation=name)
        expected = mdlstm(params, xs, implementation=name)
    np.testing.assert_allclose(found.swapaxes(1, 2), expected, **FLOAT32)


@pytest.mark.parametrize("flip", [(False, True), (True, False), (True, True)])
def test_flip_is_a_picture_turned_and_turned_back(flip):
    params, xs = parameters(), pictures((2, 3, 5))
    axes = [axis for axis, reverse in zip((1, 2), flip, strict=True) if reverse]
    expected = jnp.flip(mdlstm(params, jnp.flip(xs, axes)), axes)
    np.testing.assert_allclose(mdlstm(params, xs, flip=flip), expected, **FLOAT32)


@every_cell
@every_implementation
def test_gradients_agree_with_differences_and_with_the_reference(implementation, stable):
    sizes = np.array([(3, 4), (2, 3)])
    params, xs = parameters(4), pictures((2, 3, 4), sizes=sizes)
    weights = np.random.default_rng(3).normal(size=(2, 3, 4, 4, HIDDEN)).astype(np.float32)
    weights[1, 2:] = weights[1, :, 3:] = np.nan  # gradients outside a picture count for nothing

    def total(params, xs, name):
        ys = mdlstm_directions(params, xs, sizes=sizes, stable=stable, implementation=name)
        return jnp.sum(jnp.where(np.isnan(weights), 0, ys * np.nan_to_num(weights)))

    with served_by(implementation) as name:
        found = jax.grad(total, (0, 1))(params, xs, name)
        clean = jnp.nan_to_num(xs)
        check_grads(
            lambda p, x: total(p, x, name),
            (params, clean),
            order=1,
            modes=["rev"],
            **FLOAT32_DIFFERENCES,
        )
    expected = jax.grad(total, (0, 1))(params, clean, "reference")
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


def test_bfloat16_pictures_keep_their_dtype_and_states_are_float32():
    params, xs = parameters(), pictures((1, 4, 4)).astype(jnp.bfloat16)
    rounded = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    found = mdlstm(rounded, xs)
    assert found.dtype == jnp.bfloat16
    exact = jax.tree.map(lambda p: p.astype(jnp.float32), rounded)
    expected, _ = oracle.mdlstm(exact, xs[0].astype(jnp.float32))
    np.testing.assert_allclose(found[0].astype(jnp.float32), expected, **BFLOAT16)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_nothing_gives_nothing(shape):
    assert mdlstm(parameters(), jnp.zeros((*shape, INPUTS))).shape == (*shape, HIDDEN)


def test_the_state_of_the_stable_cell_stays_small_where_the_other_grows_with_the_paths():
    """Forget gates fully open over a picture of ones."""
    open_gates = jnp.zeros((5, HIDDEN)).at[1].set(20.0).at[3].set(1.0)
    zero = jnp.zeros((HIDDEN, 5 * HIDDEN))
    params = MDLSTMParams(jnp.zeros((INPUTS, 5 * HIDDEN)), zero, zero, open_gates.reshape(-1))
    both = params._replace(b=open_gates.at[2].set(20.0).reshape(-1))
    xs = np.ones((12, 12, INPUTS))
    _, cs = oracle.mdlstm(both, xs)
    _, stable = oracle.mdlstm(params, xs, stable=True)
    assert stable[-1, -1].max() < 23 < 1e4 < cs[-1, -1].max()
    np.testing.assert_allclose(
        mdlstm(params, xs[None].astype(np.float32), stable=True)[0],
        oracle.mdlstm(params, xs, stable=True)[0],
        **FLOAT32,
    )


def test_init_opens_the_forget_gates():
    for stable, biases in ((False, [0, 1, 1, 0, 0]), (True, [0, 1, 0, 0, 0])):
        params = init_mdlstm(jax.random.key(0), INPUTS, HIDDEN, stable=stable)
        np.testing.assert_array_equal(params.b.reshape(5, HIDDEN)[:, 0], biases)
        for w in jnp.split(params.w_col, 5, axis=1):
            np.testing.assert_allclose(w @ w.T, np.eye(HIDDEN), **FLOAT32)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"xs": jnp.zeros((3, 4, 2))}, r"\[B, Y, X, D\].*xs\[None\]"),
        ({"xs": jnp.zeros((1, 3, 4, 2), int)}, "floating dtype"),
        ({"xs": jnp.zeros((1, 3, 4, 5))}, "init_mdlstm"),
        ({"params": (1, 2)}, "init_mdlstm"),
        ({"flip": True}, "two of True and False"),
        ({"sizes": [[3, 5]]}, "got .3, 5.*Pad the pictures further"),
        ({"sizes": [3, 4]}, "integers .1, 2."),
        ({"implementation": "cudnn"}, "'wavefront', 'reference'"),
    ],
)
def test_a_wrong_call_names_the_remedy(wrong, message):
    call = {"params": parameters(), "xs": jnp.zeros((1, 3, 4, INPUTS))} | wrong
    with pytest.raises(ValueError, match=message):
        mdlstm(call.pop("params"), call.pop("xs"), **call)


def test_sizes_on_a_device_are_clipped():
    params, xs = parameters(), pictures((1, 3, 4))
    found = mdlstm(params, xs, sizes=jnp.array([[9, -1]]))
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_array_equal(mdlstm(params, xs, sizes=jnp.array([[9, 4]])), mdlstm(params, xs))
