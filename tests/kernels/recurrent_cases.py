"""What every recurrent kernel is put through: the kernels, how each is served, one awkward batch.

The batch has rows of all, some, one and no valid steps, and NaN wherever nothing may be read: in
the padding of the inputs and in that of the outputs' gradients.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import recurrent as oracle

from nnarch import kernels
from nnarch.kernels.recurrent import scan
from nnarch.kernels.recurrent.products import OnAccelerator, OnCPU

BATCH, TIME, INPUTS, HIDDEN = 4, 6, 3, 5
LENGTHS = np.array([6, 3, 1, 0], np.int32)
DIRECTIONS = ("forward", "reverse", "both")


class LargeWeights(OnCPU):
    """Takes every weight for one that is larger than the caches."""

    most_packed = 0


# "scan" as it multiplies on GPU and TPU, and on a CPU where weights are large; here on small ones.
PRODUCTS = {"accelerator": (OnAccelerator, "highest"), "large": (LargeWeights, "high")}
IMPLEMENTATIONS = ("scan", "reference", *PRODUCTS)


class Cell(NamedTuple):
    """A kernel's names: its function, what draws its parameters, its state, its oracle."""

    kernel: Callable
    init: Callable
    state: type
    oracle: Callable
    options: tuple = ()


_GRU = (kernels.gru, kernels.init_gru, kernels.GRUState)
CELLS = {
    "elman": Cell(kernels.elman, kernels.init_elman, kernels.ElmanState, oracle.elman),
    "lstm": Cell(kernels.lstm, kernels.init_lstm, kernels.LSTMState, oracle.lstm),
    "gru": Cell(*_GRU, oracle.gru_after, (("reset", "after"),)),
    "gru_before": Cell(*_GRU, oracle.gru_before, (("reset", "before"),)),
}
VARIANTS = {
    "peephole_lstm": Cell(
        kernels.peephole_lstm, kernels.init_peephole_lstm, kernels.LSTMState, oracle.peephole_lstm
    ),
    "layer_norm_lstm": Cell(
        kernels.layer_norm_lstm,
        kernels.init_layer_norm_lstm,
        kernels.LSTMState,
        oracle.layer_norm_lstm,
    ),
}
EVERY_CELL = CELLS | VARIANTS


class Case(NamedTuple):
    """The operands of one call, and the gradients of what it answers."""

    params: tuple
    xs: jax.Array
    initial: tuple
    lengths: np.ndarray
    cotangents: tuple

    @property
    def operands(self):
        """What a kernel is differentiated by."""
        return self.params, self.xs, self.initial


class Subject(NamedTuple):
    """A cell read in one direction or in both, by one implementation."""

    cell: str
    direction: str = "forward"
    implementation: str = "scan"

    def run(self, params, xs, initial=None, *, lengths=None, **asked):
        """Calls the kernel."""
        cell = EVERY_CELL[self.cell]
        options = {"lengths": lengths, **dict(cell.options), **asked}
        as_scan = self.implementation in PRODUCTS
        options["implementation"] = "scan" if as_scan else self.implementation
        with self.products():
            if self.direction == "both":
                return kernels.bidirectional(cell.kernel, *params, xs, initial, **options)
            return cell.kernel(params, xs, initial, reverse=self.direction == "reverse", **options)

    @contextlib.contextmanager
    def products(self):
        """Within it a kernel is traced, and differentiated, with this implementation's products."""
        if self.implementation not in PRODUCTS:
            yield
            return
        multiply, precision = PRODUCTS[self.implementation]
        chosen = mock.patch.object(scan, "_on_platform", lambda run, *args: run(multiply, *args))
        # Another precision (on a CPU the same) keeps jit from taking what it traced for another.
        with chosen, jax.default_matmul_precision(precision):
            yield

    def expect(self, params, xs, initial, lengths, **asked):
        """What the oracle answers: (ys, states), float64."""
        cell = EVERY_CELL[self.cell].oracle
        if self.direction == "both":
            return oracle.run_both(cell, params, xs, initial, lengths, **asked)
        reverse = self.direction == "reverse"
        return oracle.run(cell, params, xs, initial, lengths, reverse=reverse, **asked)

    def by(self, implementation):
        """The same, served by another implementation."""
        return self._replace(implementation=implementation)

    def __str__(self):
        return f"{self.cell}-{self.direction}"


SUBJECTS = tuple(Subject(cell, direction) for direction in DIRECTIONS for cell in CELLS)


def each_of(subjects):
    """Parametrises a test by subjects; all tests of one run together and share its programs."""
    # pytest groups by the place in the list: all lists of subjects begin alike.
    return pytest.mark.parametrize("subject", subjects, ids=str, scope="session")


every_subject = each_of(SUBJECTS)
every_one_way = each_of(SUBJECTS[: 2 * len(CELLS)])
every_cell = each_of(SUBJECTS[: len(CELLS)])
every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


@functools.lru_cache(maxsize=8)
def respond(subject):
    """A compiled (*operands, lengths, cotangents) -> (answer, gradients of the operands).

    One program serves all tests of a subject that use the same shapes. Whatever else the kernel is
    asked for follows, by name.
    """

    def run(params, xs, initial, lengths, cotangents, asked=None):
        kernel = functools.partial(subject.run, lengths=lengths, **(asked or {}))
        with subject.products():
            answer, pull = jax.vjp(kernel, params, xs, initial)
            return answer, pull(cotangents)

    return jax.jit(run)


def answer(subject, case, *asked):
    """The answer and the gradients to a case, its lengths handed over as an array on a device."""
    return respond(subject)(*case.operands, jnp.asarray(case.lengths), case.cotangents, *asked)


class Shape(NamedTuple):
    """Sizes of a case."""

    time: int = TIME
    inputs: int = INPUTS
    hidden: int = HIDDEN


def case(subject, *, lengths=LENGTHS, shape=None, dtype=jnp.float32, seed=0):
    """Rows of the given lengths, with biases other than zero and an initial state."""
    shape = shape or Shape()
    rng, cell = np.random.default_rng(seed), EVERY_CELL[subject.cell]
    sums = jnp.float64 if dtype == jnp.float64 else jnp.float32
    padding = np.arange(shape.time) >= np.asarray(lengths)[:, None]

    def draw(*size, scale=1.0):
        return rng.normal(size=size, scale=scale)

    def draw_state():
        fields = cell.state._fields
        return cell.state(*(jnp.asarray(draw(len(lengths), shape.hidden), sums) for _ in fields))

    def draw_params():
        init = functools.partial(cell.init, input_size=shape.inputs, hidden_size=shape.hidden)
        shapes = jax.eval_shape(init, jax.random.key(0))
        scaled = (jnp.asarray(draw(*s.shape, scale=shape.hidden**-0.5), dtype) for s in shapes)
        return type(shapes)(*scaled)

    def draw_padded(features):
        rows = draw(len(lengths), shape.time, features)
        return jnp.asarray(np.where(padding[..., None], np.nan, rows), dtype)

    def of_each_direction(make):
        return (make(), make()) if subject.direction == "both" else make()

    features = shape.hidden * (2 if subject.direction == "both" else 1)
    return Case(
        of_each_direction(draw_params),
        draw_padded(shape.inputs),
        of_each_direction(draw_state),
        np.asarray(lengths, np.int32),
        (draw_padded(features), of_each_direction(draw_state)),
    )


def truth(subject, case, *asked):
    """The reference's answer and gradients to the same numbers in float64."""
    with jax.enable_x64(True):
        exact = jax.tree.map(
            lambda a: a if a.dtype == np.int32 else jnp.asarray(a, jnp.float64), case
        )
        return answer(subject.by("reference"), exact, *asked)


def assert_close(found, expected, tolerance):
    """Every leaf of one pytree is close to that of the other, NaN nowhere."""
    found, expected = jax.tree.leaves(found), jax.tree.leaves(expected)
    for f, e in zip(found, expected, strict=True):
        f, e = np.asarray(f, np.float64), np.asarray(e, np.float64)
        assert f.shape == e.shape
        np.testing.assert_allclose(f, e, **tolerance, equal_nan=False)


def assert_same(found, expected):
    """Every leaf is the same to the last bit."""
    for f, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(f, e)
