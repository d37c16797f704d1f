"""PyraMiD-LSTM in every implementation: the oracle, thin volumes, sizes, gradients, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.pyramid_cases import (
    HIDDEN,
    INPUTS,
    every_implementation,
    parameters,
    served_by,
    volumes,
)
from oracles import pyramid as oracle
from tolerances import (
    BFLOAT16,
    FLOAT32,
    FLOAT32_DIFFERENCES,
    FLOAT32_GRADIENT,
    FLOAT64_RECURRENT,
)

from nnarch.kernels import LSTMParams, lstm
from nnarch.kernels.multidim import PyramidParams, conv_lstm, init_pyramid, pyramid


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_one_direction_is_the_oracle(axis, reverse):
    params, xs = parameters(), volumes((1, 3, 4, 2))
    found = conv_lstm(params, xs, axis=axis, reverse=reverse)
    expected = oracle.conv_lstm(params, xs[0], axis=axis, reverse=reverse)
    np.testing.assert_allclose(found[0], expected, **FLOAT32)


@every_implementation
@pytest.mark.parametrize("window", [1, 5])
def test_six_directions_are_the_oracle_at_every_size(implementation, window):
    """A whole volume, smaller ones, and an empty one, each as it comes out alone."""
    sizes = np.array([(3, 4, 2), (2, 4, 1), (3, 1, 2), (0, 4, 2)])
    params, xs = parameters(6, window=window), volumes((4, 3, 4, 2), sizes=sizes)
    with served_by(implementation) as name:
        found = pyramid(params, xs, sizes=sizes, implementation=name)
    for ys, volume, (z, y, x) in zip(found, xs, sizes, strict=True):
        expected = np.zeros((3, 4, 2, HIDDEN))
        expected[:z, :y, :x] = oracle.pyramid(params, volume[:z, :y, :x])
        np.testing.assert_allclose(ys, expected, **FLOAT32)


def test_float64_is_the_oracle():
    with jax.enable_x64(True):
        params = jax.tree.map(lambda p: p.astype(np.float64), parameters(6))
        xs = np.asarray(volumes((1, 3, 4, 2)), np.float64)
        found = pyramid(params, xs)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found[0], oracle.pyramid(params, xs[0]), **FLOAT64_RECURRENT)


def test_six_directions_are_six_calls():
    params, xs = parameters(6), volumes((2, 3, 4, 2))
    each = [
        conv_lstm(PyramidParams(*(p[n] for p in params)), xs, axis=n // 2, reverse=n % 2 == 1)
        for n in range(6)
    ]
    np.testing.assert_allclose(pyramid(params, xs), sum(each), **FLOAT32)


def middle_of(params):
    middle = params.w_x.shape[0] // 2
    return LSTMParams(params.w_x[middle, middle], params.w_h[middle, middle], params.b)


@every_implementation
@pytest.mark.parametrize(("axis", "reverse"), [(0, False), (2, True)])
def test_planes_of_one_pixel_are_an_lstm(implementation, axis, reverse):
    """Of a window of 3x3 all but the middle lies off the plane."""
    params, line = parameters(), volumes((2, 5, 1, 1))[:, :, 0, 0]
    expected, _ = lstm(middle_of(params), line, reverse=reverse)
    volume = np.moveaxis(line[:, :, None, None], 1, axis + 1)
    with served_by(implementation) as name:
        found = conv_lstm(params, volume, axis=axis, reverse=reverse, implementation=name)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, **FLOAT32)


@every_implementation
def test_a_window_of_one_pixel_is_an_lstm_for_each(implementation):
    params, xs = parameters(window=1), volumes((2, 4, 2, 3))
    of_pixels = jnp.moveaxis(xs, 1, 3).reshape(2 * 2 * 3, 4, INPUTS)
    expected, _ = lstm(middle_of(params), of_pixels)
    with served_by(implementation) as name:
        found = conv_lstm(params, xs, implementation=name)
    found = jnp.moveaxis(found, 1, 3).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, **FLOAT32)


def test_what_a_voxel_sees_is_a_pyramid():
    """A change spreads by a pixel a plane, forward alone."""
    params, xs = parameters(), volumes((1, 5, 7, 7))
    changed = conv_lstm(params, xs.at[0, 1, 3, 3].add(1.0))
    differs = np.any(np.asarray(changed != conv_lstm(params, xs))[0], axis=-1)
    assert not differs[0].any()
    rows, columns = np.abs(np.mgrid[-3:4, -3:4])
    for plane in range(1, 5):
        np.testing.assert_array_equal(differs[plane], np.maximum(rows, columns) <= plane)


@every_implementation
def test_gradients_agree_with_differences_and_with_the_reference(implementation):
    sizes = np.array([(3, 2, 4), (2, 2, 3)])
    params, xs = parameters(6), volumes((2, 3, 2, 4), sizes=sizes)
    weights = np.random.default_rng(3).normal(size=(2, 3, 2, 4, HIDDEN)).astype(np.float32)

    def total(params, xs, name):
        return jnp.sum(pyramid(params, xs, sizes=sizes, implementation=name) * weights)

    clean = jnp.nan_to_num(xs)
    with served_by(implementation) as name:
        found = jax.grad(total, (0, 1))(params, xs, name)
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


def test_gradients_outside_a_volume_count_for_nothing_though_they_are_no_numbers():
    sizes = np.array([(3, 2, 4), (2, 2, 3)])
    params, xs = parameters(6), volumes((2, 3, 2, 4), sizes=sizes)
    _, pull = jax.vjp(lambda p, x: pyramid(p, x, sizes=sizes), params, xs)
    inside = ~np.isnan(np.asarray(xs[..., :1]))
    found = pull(jnp.broadcast_to(np.where(inside, 1, np.nan), (*xs.shape[:4], HIDDEN)))
    expected = pull(jnp.broadcast_to(inside.astype(np.float32), (*xs.shape[:4], HIDDEN)))
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(f, e)


def test_bfloat16_volumes_keep_their_dtype_and_states_are_float32():
    params, xs = parameters(), volumes((1, 4, 3, 3)).astype(jnp.bfloat16)
    rounded = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    found = conv_lstm(rounded, xs)
    assert found.dtype == jnp.bfloat16
    exact = jax.tree.map(lambda p: p.astype(jnp.float32), rounded)
    expected = oracle.conv_lstm(exact, xs[0].astype(jnp.float32))
    np.testing.assert_allclose(found[0].astype(jnp.float32), expected, **BFLOAT16)
    gradient = jax.grad(lambda x: conv_lstm(rounded, x).astype(jnp.float32).sum())(xs)
    assert gradient.dtype == jnp.bfloat16
    assert np.isfinite(gradient.astype(jnp.float32)).all()


def test_a_window_s_gradient_is_summed_in_float32_beside_bfloat16_volumes():
    params, xs = parameters(), volumes((1, 4, 3, 3)).astype(jnp.bfloat16)

    def total(params):
        return jnp.sum(conv_lstm(params, xs).astype(jnp.float32))

    for leaf in jax.grad(total)(params)[:2]:
        assert leaf.dtype == jnp.float32
        assert np.any(leaf != leaf.astype(jnp.bfloat16).astype(jnp.float32))


@pytest.mark.parametrize("shape", [(0, 3, 4, 2), (2, 0, 4, 2), (2, 3, 0, 2), (2, 3, 4, 0)])
def test_nothing_gives_nothing(shape):
    assert pyramid(parameters(6), jnp.zeros((*shape, INPUTS))).shape == (*shape, HIDDEN)


def test_init_opens_the_forget_gates_and_hands_states_on_at_their_length():
    params = init_pyramid(jax.random.key(0), INPUTS, HIDDEN)
    np.testing.assert_array_equal(params.b.reshape(4, HIDDEN)[:, 0], [0, 1, 0, 0])
    around = params.w_h.at[1, 1].set(0)
    np.testing.assert_array_equal(around, 0)
    for w in jnp.split(params.w_h[1, 1], 4, axis=1):
        np.testing.assert_allclose(w @ w.T, np.eye(HIDDEN), **FLOAT32)
    with pytest.raises(ValueError, match="odd window; got 4"):
        init_pyramid(jax.random.key(0), INPUTS, HIDDEN, window=4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"xs": jnp.zeros((3, 4, 2, 2))}, r"\[B, Z, Y, X, D\].*xs\[None\]"),
        ({"xs": jnp.zeros((1, 3, 4, 2, 2), int)}, "floating dtype"),
        ({"xs": jnp.zeros((1, 3, 4, 2, 5))}, r"init_pyramid\(key, 5"),
        ({"params": (1, 2)}, "init_pyramid"),
        ({"params": parameters(6)}, "init_pyramid"),
        ({"params": PyramidParams(*(p.astype(int) for p in parameters()))}, "w_x is not"),
        ({"axis": 3}, "axis 0 .z., 1 .y. or 2 .x.; got 3"),
        ({"sizes": [[3, 5, 2]]}, "got .3, 5, 2.*Pad the volumes further"),
        ({"sizes": [3, 4, 2]}, "integers .1, 3."),
        ({"implementation": "cudnn"}, "'sweep', 'reference'"),
    ],
)
def test_a_wrong_call_names_the_remedy(wrong, message):
    call = {"params": parameters(), "xs": jnp.zeros((1, 3, 4, 2, INPUTS))} | wrong
    with pytest.raises(ValueError, match=message):
        conv_lstm(call.pop("params"), call.pop("xs"), **call)


def test_sizes_on_a_device_are_clipped():
    params, xs = parameters(6), volumes((1, 3, 4, 2))
    np.testing.assert_array_equal(pyramid(params, xs, sizes=jnp.array([[9, 4, -1]])), 0)
    found = pyramid(params, xs, sizes=jnp.array([[9, 4, 2]]))
    np.testing.assert_allclose(found, pyramid(params, xs), **FLOAT32)
