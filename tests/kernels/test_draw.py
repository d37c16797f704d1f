"""DRAW against loops in float64, and what its windows are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernels.draw_cases import DRAWING, HIDDEN, LENGTHS, SIZE, STEPS, parameters, problem, total
from oracles import draw as oracle
from tolerances import BFLOAT16, FLOAT32_GRADIENT, FLOAT64_DIFFERENCES, FLOAT64_RECURRENT

from nnarch import kernels
from nnarch.kernels.draw import gaussian_filters, read_patch, window_of, write_patch

every_way = pytest.mark.parametrize("way", DRAWING)


def plain(params):
    """A NamedTuple of arrays as dicts of NumPy arrays."""
    if hasattr(params, "_asdict"):
        return {name: plain(value) for name, value in params._asdict().items()}
    return np.asarray(params)


@every_way
def test_it_is_what_the_papers_say(way):
    with jax.enable_x64(True):
        params, (pictures, values, noise) = parameters(jnp.float64), problem(jnp.float64)
        drawn, canvases, *kl = DRAWING[way](params, pictures, values, noise, LENGTHS)
        for row, length in enumerate(LENGTHS):
            asked = values[row], length, noise[row]
            if way == "again":
                expected = oracle.draw_again(plain(params), pictures[row], *asked)
            else:
                expected = oracle.draw_anew(plain(params), *asked, SIZE)
            found = (canvases, drawn.written, drawn.shares, *kl)
            for f, e in zip(found, expected, strict=True):
                np.testing.assert_allclose(f[row], e, **FLOAT64_RECURRENT)
            np.testing.assert_allclose(drawn.canvas[row], expected[0][-1], **FLOAT64_RECURRENT)


@every_way
def test_gradients_are_those_of_differences(way):
    with jax.enable_x64(True):
        given = parameters(jnp.float64), *problem(jnp.float64)
        check_grads(
            lambda *a: total(way, *a, LENGTHS), given, order=1, modes=["rev"], **FLOAT64_DIFFERENCES
        )


def test_no_gradient_of_a_weight_is_formed_in_the_loop():
    """What stands in the loop's carry backward is of one array a row."""
    given = parameters(), *problem()
    jaxpr = jax.make_jaxpr(jax.grad(lambda *a: total("again", *a, LENGTHS)))(*given)
    weights = {(4 * HIDDEN + 5 + 9, 4 * HIDDEN), (HIDDEN, 14), (HIDDEN, 5)}
    scans = [*_scans(jaxpr.jaxpr)]
    assert len(scans) >= 2
    for scan in scans:
        carried = scan.invars[scan.params["num_consts"] :][: scan.params["num_carry"]]
        assert not weights & {each.aval.shape for each in carried}


def _scans(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _scans(inner)


def test_a_picture_read_and_written_through_a_fine_grid_is_itself():
    """One filter a pixel, each far narrower than one."""
    picture = problem()[0][:1, :5]
    numbers = jnp.array([[0.0, 0.0, -8.0, 0.0, 0.7]])
    window = window_of(numbers, grid=5, size=(5, 5))
    patch = read_patch(picture[:, None], window, grid=5)[:, 0]
    np.testing.assert_allclose(patch, np.exp(0.7) * picture, **FLOAT32_GRADIENT)
    back = write_patch(patch, window, size=(5, 5))
    np.testing.assert_allclose(back, picture, **FLOAT32_GRADIENT)


def test_filters_add_up_to_one_wherever_they_lie():
    numbers = jnp.array([[0.0] * 5, [30.0, -30.0, 1.0, 2.0, 0.0], [0.2, 0.1, -9.0, -9.0, 3.0]])
    for filters in gaussian_filters(window_of(numbers, grid=4, size=SIZE), grid=4, size=SIZE):
        np.testing.assert_allclose(filters.sum(axis=-1), 1, **FLOAT32_GRADIENT)


def test_what_the_prior_knows_costs_nothing():
    """A posterior that is the prior has no divergence from it."""
    params, (pictures, values, noise) = parameters(), problem()
    told = ("w_posterior", "b_posterior", "w_prior", "b_prior")
    flat = params._replace(**{name: jnp.zeros_like(getattr(params, name)) for name in told})
    _, _, kl = DRAWING["again"](flat, pictures, values, noise, LENGTHS)
    np.testing.assert_array_equal(kl, 0)


def test_padding_is_never_read():
    params, (pictures, values, noise) = parameters(), problem()
    spoilt = np.array(values)
    for row, length in enumerate(LENGTHS):
        spoilt[row, length:] = np.nan
    for found, expected in zip(
        jax.tree.leaves(DRAWING["again"](params, pictures, spoilt, noise, LENGTHS)),
        jax.tree.leaves(DRAWING["again"](params, pictures, values, noise, LENGTHS)),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_memory_without_places_is_drawn_from_noise_alone():
    params, (pictures, values, noise) = parameters(), problem()
    drawn, *_ = DRAWING["anew"](params, pictures, values[:, :0], noise, 0 * LENGTHS)
    assert drawn.shares.shape == (len(LENGTHS), STEPS, 0)
    others, *_ = DRAWING["anew"](params, pictures, values, noise, 0 * LENGTHS)
    np.testing.assert_array_equal(drawn.canvas, others.canvas)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pictures": lambda a: a[0]}, "expects pictures \\[B, Y, X\\]"),
        ({"noise": lambda a: a[..., :1]}, "expects noise \\[8, T, 2\\]"),
        ({"noise": lambda a: a[:2]}, "expects noise \\[8, T, 2\\]"),
        ({"noise": lambda a: a.astype(int)}, "floating; got int32"),
        ({"values": lambda a: a[:2]}, "expects a memory of values \\[8, S, 3\\]"),
        ({"params": lambda a: tuple(a)}, "expects DrawParams; got tuple"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    names = ("params", "pictures", "values", "noise")
    given = dict(zip(names, (parameters(), *problem()), strict=True))
    score = given["params"].score
    given |= {name: of(given[name]) for name, of in change.items()}
    memory = kernels.attention_memory(score, given["values"])
    with pytest.raises(ValueError, match=message):
        kernels.draw_again(given["params"], given["pictures"], memory, given["noise"])


def test_bfloat16_noise_keeps_float32_states():
    params, (pictures, values, noise) = parameters(), problem()
    exact, *_ = DRAWING["again"](params, pictures, values, noise, LENGTHS)
    low = jnp.asarray(noise, jnp.bfloat16)
    drawn, *_ = DRAWING["again"](params, pictures, values, low, LENGTHS)
    assert drawn.canvas.dtype == jnp.float32
    np.testing.assert_allclose(drawn.canvas, exact.canvas, atol=20 * BFLOAT16["atol"])


@pytest.mark.parametrize("way", ["again", "anew"])
def test_no_rows_are_drawn(way):
    params, (pictures, values, noise) = parameters(), problem()
    drawn, *_ = DRAWING[way](params, pictures[:0], values[:0], noise[:0], LENGTHS[:0])
    assert drawn.canvas.shape == (0, *np.shape(pictures)[1:])


@pytest.mark.parametrize("extreme", [1e20, -1e20, 300.0, -300.0])
@pytest.mark.parametrize("number", range(5))
def test_filters_of_any_numbers_add_up_to_one(number, extreme):
    numbers = jnp.zeros((1, 5)).at[0, number].set(extreme)
    window = window_of(numbers, grid=3, size=(5, 6))
    for filters in gaussian_filters(window, grid=3, size=(5, 6)):
        np.testing.assert_allclose(filters.sum(axis=-1), 1, **FLOAT32_GRADIENT)


def test_pictures_are_numbers_from_0_to_1_and_parameters_of_one_net():
    params, (pictures, values, noise) = parameters(), problem()
    memory = kernels.attention_memory(params.score, values)
    with pytest.raises(ValueError, match="expects pictures floating; got uint8"):
        kernels.draw_again(params, pictures.astype(jnp.uint8), memory, noise)
    with pytest.raises(ValueError, match="expects a memory of attention_memory"):
        kernels.draw_anew(params, None, noise, size=SIZE)
    with pytest.raises(ValueError, match=r"expects size \(Y, X\)"):
        kernels.draw_anew(params, memory, noise, size=(0, 5))
    for field in ("w_write", "w_read"):
        narrower = params._replace(**{field: getattr(params, field)[:, :-1]})
        with pytest.raises(ValueError, match="init_draw draws them"):
            kernels.draw_again(narrower, pictures, memory, noise)
