"""ReNet with each cell: the oracle, degenerate pictures, flips, sizes, gradients, wrong calls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.recurrent_cases import CELLS
from kernels.renet_cases import HIDDEN, INPUTS, every_cell, expected, parameters, pictures, run
from tolerances import BFLOAT16, FLOAT32, FLOAT32_DIFFERENCES, FLOAT32_GRADIENT, FLOAT64_RECURRENT

from nnarch import kernels
from nnarch.kernels import ReNetParams, init_renet, renet

# Pictures and patches: divided, not divided, of one line, smaller than a patch.
SHAPES = [
    ((3, 4, 6), (2, 2)),
    ((3, 5, 4), (2, 3)),
    ((2, 1, 5), (1, 1)),
    ((2, 4, 1), (1, 1)),
    ((1, 2, 2), (3, 3)),
]
CASES = [("lstm", *case) for case in SHAPES]
CASES += [(cell, *case) for cell in CELLS if cell != "lstm" for case in SHAPES[:2]]


def sizes_in(shape):
    """The whole picture, one that is smaller, and an empty one, as far as the batch goes."""
    _, rows, columns = shape
    smaller = max(rows - 1, 1), max(columns - 3, 1)
    return np.array([(rows, columns), smaller, (0, columns)])[: shape[0]]


@pytest.mark.parametrize(("cell", "shape", "patch"), CASES, ids=str)
def test_it_is_the_oracle_and_what_lies_outside_changes_nothing(cell, shape, patch):
    params, sizes = parameters(cell, patch), sizes_in(shape)
    xs = pictures(shape, sizes=sizes)
    found = run(cell, params, xs, patch=patch, sizes=sizes)
    np.testing.assert_allclose(found, expected(cell, params, xs, sizes, patch), **FLOAT32)


@every_cell
def test_the_reference_is_the_oracle_in_float64(cell):
    sizes = np.array([(4, 5), (3, 2)])
    with jax.enable_x64(True):
        params = jax.tree.map(lambda p: p.astype(np.float64), parameters(cell))
        xs = np.asarray(pictures((2, 4, 5), sizes=sizes), np.float64)
        found = run(cell, params, xs, sizes=sizes, implementation="reference")
        assert found.dtype == np.float64
        right = expected(cell, params, xs, sizes, (2, 2))
        np.testing.assert_allclose(found, right, **FLOAT64_RECURRENT)


def test_sizes_of_whole_pictures_are_those_left_out():
    params, xs = parameters("gru"), pictures((2, 4, 6))
    plain = run("gru", params, xs)
    for sizes in ([(4, 6), (4, 6)], jnp.array([(4, 6), (9, 7)])):  # on a device they are clipped
        np.testing.assert_allclose(run("gru", params, xs, sizes=sizes), plain, **FLOAT32)


@every_cell
def test_a_picture_of_one_row_is_read_as_a_sequence(cell):
    """The sweeps over columns make one step each, and that over the row reads what they say."""
    params, xs = parameters(cell, (1, 1)), pictures((2, 1, 5))
    kernel, options = CELLS[cell].kernel, dict(CELLS[cell].options)
    steps = xs.reshape(-1, 1, INPUTS)
    said = [kernel(p, steps, **options)[0].reshape(2, 5, HIDDEN) for p in params.columns]
    line = jnp.concatenate(said, axis=-1)
    row, _ = kernels.bidirectional(kernel, *params.rows, line, **options)
    np.testing.assert_allclose(run(cell, params, xs, patch=(1, 1))[:, 0], row, **FLOAT32)


def test_patches_are_pixels_with_more_channels():
    params, xs = parameters("lstm", (2, 3)), pictures((2, 4, 6))
    pixels = xs.reshape(2, 2, 2, 2, 3, INPUTS).swapaxes(2, 3).reshape(2, 2, 2, -1)
    np.testing.assert_allclose(
        run("lstm", params, xs, patch=(2, 3)), run("lstm", params, pixels, patch=(1, 1)), **FLOAT32
    )


def exchanged_inputs(params):
    """The first half of the inputs is what was the second."""
    return params._replace(w_x=jnp.roll(params.w_x, HIDDEN, axis=0))


def test_a_picture_upside_down_with_exchanged_sweeps_is_upside_down():
    params, xs = parameters("gru", (1, 1)), pictures((2, 3, 4))
    turned = ReNetParams(params.columns[::-1], tuple(map(exchanged_inputs, params.rows)))
    found = run("gru", turned, xs[:, ::-1], patch=(1, 1))
    np.testing.assert_allclose(found[:, ::-1], run("gru", params, xs, patch=(1, 1)), **FLOAT32)


def test_a_mirrored_picture_with_exchanged_sweeps_is_mirrored():
    params, xs = parameters("gru", (1, 1)), pictures((2, 3, 4))
    mirrored = params._replace(rows=params.rows[::-1])
    found = run("gru", mirrored, xs[:, :, ::-1], patch=(1, 1))[:, :, ::-1]
    right = run("gru", params, xs, patch=(1, 1))
    np.testing.assert_allclose(jnp.roll(found, HIDDEN, axis=-1), right, **FLOAT32)


def test_every_output_sees_the_whole_picture():
    params, xs = parameters("lstm"), pictures((1, 6, 6))
    jacobian = jax.jacrev(lambda xs: run("lstm", params, xs)[0].sum(axis=-1))(xs)
    assert np.all(np.any(np.asarray(jacobian) != 0, axis=-1))


@every_cell
def test_gradients_agree_with_differences_and_with_the_reference(cell):
    sizes = np.array([(3, 4), (2, 1)])
    params, xs = parameters(cell), pictures((2, 3, 4), sizes=sizes)
    weights = np.random.default_rng(3).normal(size=(2, 2, 2, 2 * HIDDEN)).astype(np.float32)
    weights[1, 1:] = weights[1, :, 1:] = np.nan  # gradients outside a picture count for nothing

    def total(params, xs, name):
        ys = run(cell, params, xs, sizes=sizes, implementation=name)
        return jnp.sum(jnp.where(np.isnan(weights), 0, ys * np.nan_to_num(weights)))

    clean = jnp.nan_to_num(xs)
    check_grads(
        lambda p, x: total(p, x, None),
        (params, clean),
        order=1,
        modes=["rev"],
        **FLOAT32_DIFFERENCES,
    )
    found = jax.grad(total, (0, 1))(params, xs, None)
    reference = jax.grad(total, (0, 1))(params, clean, "reference")
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(f, e, **FLOAT32_GRADIENT)


def test_bfloat16_pictures_keep_their_dtype():
    params, xs = parameters("lstm"), pictures((1, 4, 4)).astype(jnp.bfloat16)
    rounded = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    found = run("lstm", rounded, xs)
    assert found.dtype == jnp.bfloat16
    exact = jax.tree.map(lambda p: p.astype(jnp.float32), rounded)
    right = expected("lstm", exact, xs.astype(jnp.float32), [(4, 4)], (2, 2))
    np.testing.assert_allclose(found.astype(jnp.float32), right, **BFLOAT16)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_nothing_gives_nothing(shape):
    found = run("gru", parameters("gru"), jnp.zeros((*shape, INPUTS)))
    assert found.shape == (shape[0], -(-shape[1] // 2), -(-shape[2] // 2), 2 * HIDDEN)


def test_init_draws_as_the_cell_does():
    params = init_renet(jax.random.key(0), 3, HIDDEN, kernel=kernels.lstm, patch=(2, 1))
    assert params.columns[0].w_x.shape == (6, 4 * HIDDEN)
    assert params.rows[1].w_x.shape == (2 * HIDDEN, 4 * HIDDEN)
    drawn = [np.asarray(p.w_h) for pair in params for p in pair]
    assert len({w.tobytes() for w in drawn}) == 4  # each sweep its own
    for w in drawn:
        gate = w[:, :HIDDEN]
        np.testing.assert_allclose(gate @ gate.T, np.eye(HIDDEN), **FLOAT32)


PARAMS = parameters("gru")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"xs": jnp.zeros((3, 4, 2))}, r"\[B, Y, X, D\].*xs\[None\]"),
        ({"xs": jnp.zeros((1, 3, 4, 2), int)}, "floating dtype"),
        ({"xs": jnp.zeros((1, 3, 4, 5))}, r"gru, columns.*20 inputs.*init_renet\(key"),
        ({"patch": (1, 1)}, "gru, columns"),
        ({"patch": 2}, r"\(rows, columns\), two integers of 1 or more; got 2"),
        ({"patch": (2, 0)}, r"got \(2, 0\)"),
        ({"params": PARAMS.columns[0]}, "init_renet draws them"),
        ({"params": PARAMS._replace(rows=PARAMS.columns)}, "gru, rows"),
        ({"params": PARAMS._replace(rows=parameters("lstm").rows)}, "GRUParams"),
        ({"sizes": [[3, 5]]}, "got .3, 5.*Pad the pictures further"),
        ({"sizes": [3, 4]}, "integers .1, 2."),
        ({"kernel": kernels.mdlstm}, "renet runs elman, lstm or gru itself"),
        ({"kernel": kernels.lstm, "reset": "before"}, "for gru alone"),
        ({"implementation": "cudnn"}, "'scan', 'reference'"),
    ],
)
def test_a_wrong_call_names_the_remedy(wrong, message):
    call = {"kernel": kernels.gru, "params": PARAMS, "xs": jnp.zeros((1, 3, 4, INPUTS))} | wrong
    operands = [call.pop(name) for name in ("kernel", "params", "xs")]
    with pytest.raises(ValueError, match=message):
        renet(*operands, **call)


@pytest.mark.parametrize(
    "wrong", [{"kernel": kernels.mdlstm}, {"patch": (0, 2)}, {"hidden_size": 0}, {"input_size": 0}]
)
def test_what_cannot_be_drawn_is_refused(wrong):
    call = {"input_size": 2, "hidden_size": 3, "kernel": kernels.gru} | wrong
    with pytest.raises(ValueError, match=r"expects|itself|1 or more"):
        init_renet(jax.random.key(0), **call)
