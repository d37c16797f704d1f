"""One library's way to run one recurrent problem, ready to be timed.

All entrants get the same weights and inputs, each in its own layout, and give their answers back in
nnarch's, so that a comparison of speed can begin with a proof that all compute the same.
"""

import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch.bench import memory

Cell = Literal["lstm", "gru"]

GATES: dict[str, int] = {"lstm": 4, "gru": 3}


class Problem(NamedTuple):
    """What every entrant computes: a cell, its weights by nnarch's names, and the inputs."""

    cell: Cell
    weights: dict[str, np.ndarray]  # w_x [D, GH], w_h [H, GH], b [GH], and b_n [H] for gru
    xs: np.ndarray  # float32 [B, T, D]

    def product_flops(self) -> int:
        """Operations of the forward pass in matrix products: 2 T B (D + H) G H."""
        batch, time, inputs = self.xs.shape
        hidden = self.weights["w_h"].shape[0]
        return 2 * time * batch * (inputs + hidden) * GATES[self.cell] * hidden


class Answer(NamedTuple):
    """Outputs and gradients of sum(ys ** 2), in nnarch's names and layouts."""

    ys: np.ndarray  # [B, T, H]
    gradients: dict[str, np.ndarray]  # by weight, and "xs"; what the library lacks is left out


class Costs(NamedTuple):
    """What training costs beside time; None is what the library does not tell."""

    compile_seconds: float | None
    residual_bytes: int | None
    temporary_bytes: int | None


class Entrant(NamedTuple):
    """Calls that return when their work is finished."""

    name: str
    forward: Callable[[], object]
    training: Callable[[], object]
    answer: Callable[[], Answer]
    costs: Costs


def draw(cell: Cell, *, time: int, batch: int, inputs: int, hidden: int, seed: int = 0) -> Problem:
    """Weights and inputs, uniform within 1/sqrt(hidden), and normal.

    A GRU's b_n is zero: flax has none, and all are to compute the same.
    """
    rng = np.random.default_rng(seed)
    width = GATES[cell] * hidden
    shapes = {"w_x": (inputs, width), "w_h": (hidden, width), "b": (width,)}
    bound = hidden**-0.5
    weights = {
        name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()
    }
    if cell == "gru":
        weights["b_n"] = np.zeros(hidden, np.float32)
    return Problem(cell, weights, rng.normal(size=(batch, time, inputs)).astype(np.float32))


def jax_entrant(
    name: str,
    run: Callable[[object, Array], Array],
    parameters: object,
    xs: Array,
    *,
    to_ours: Callable[[object], Mapping[str, Array]],
) -> Entrant:
    """Compiles forward and training of any library that runs on jax.

    Args:
      name: what the tables call it.
      run: (parameters, xs [B, T, D]) -> ys [B, T, H], pure.
      parameters: a pytree, on the device of xs.
      xs: float32 [B, T, D].
      to_ours: turns a pytree of gradients like `parameters` into arrays by nnarch's names.
    """

    def loss(parameters: object, xs: Array) -> Array:
        return jnp.sum(run(parameters, xs) ** 2)

    forward = jax.jit(run).lower(parameters, xs).compile()
    start = time.perf_counter()
    training = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(parameters, xs).compile()
    compile_seconds = time.perf_counter() - start

    def answer() -> Answer:
        by_parameter, by_xs = training(parameters, xs)
        gradients = {**to_ours(by_parameter), "xs": by_xs}
        return Answer(
            np.asarray(forward(parameters, xs)),
            {name: np.asarray(value) for name, value in gradients.items()},
        )

    return Entrant(
        name,
        forward=lambda: jax.block_until_ready(forward(parameters, xs)),
        training=lambda: jax.block_until_ready(training(parameters, xs)),
        answer=answer,
        costs=Costs(
            compile_seconds,
            memory.residual_bytes(loss, parameters, xs),
            memory.temporary_bytes(training),
        ),
    )


def disagreement(answer: Answer, reference: Answer) -> dict[str, float]:
    """The largest difference of each array, over the largest magnitude of the reference's."""
    pairs = {"ys": (answer.ys, reference.ys)}
    pairs |= {
        name: (gradient, reference.gradients[name]) for name, gradient in answer.gradients.items()
    }
    return {
        name: float(np.max(np.abs(ours - theirs)) / max(np.max(np.abs(theirs)), 1e-30))
        for name, (ours, theirs) in pairs.items()
    }


def check_agreement(
    answers: Mapping[str, Answer], *, reference: str, tolerance: float
) -> dict[str, float]:
    """Holds every answer to one entrant's.

    Returns:
      by entrant, its largest relative difference.

    Raises:
      ValueError: an entrant computes something else.
    """
    worst = {}
    for name, answer in answers.items():
        differences = disagreement(answer, answers[reference])
        where = max(differences, key=lambda key: np.nan_to_num(differences[key], nan=np.inf))
        worst[name] = differences[where]
        if not worst[name] <= tolerance:
            raise ValueError(
                f"{name} and {reference} were expected to agree within {tolerance:g}; {where} "
                f"differs by {worst[name]:.2g} of its largest value. Check that entrant's weights: "
                "the speed of two different computations is not comparable."
            )
    return worst
