"""The CTC loss with its gradient, by nnarch and by its peers, as entrants.

All get the same logits, full rows, and blank 0. A builder imports its library itself, and fails
with ImportError where that is missing.
"""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch import kernels
from nnarch.bench import memory
from nnarch.bench.entrant import Answer, Costs, Entrant
from nnarch.bench.torch_settings import torch_place
from nnarch.kernels.workloads import CTCWorkload

Peer = Literal["optax", "torch"]

LEAST = "log_softmax and its gradient"  # what no loss on logits can do without


class Problem(NamedTuple):
    """Logits and labels, every row full."""

    logits: np.ndarray  # float32 [B, T, V], standard normal
    labels: np.ndarray  # int32 [B, L], never the blank


def draw(shape: CTCWorkload, *, seed: int = 0) -> Problem:
    """A problem of this shape."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(shape.batch, shape.time, shape.classes)).astype(np.float32)
    labels = rng.integers(1, shape.classes, size=(shape.batch, shape.labels)).astype(np.int32)
    return Problem(logits, labels)


def nnarch_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`kernels.ctc_loss`."""
    lengths = _lengths(problem, device)

    def loss(logits: Array, labels: Array) -> Array:
        return kernels.ctc_loss(logits, lengths[0], labels, lengths[1])

    return _jax_entrant("nnarch", loss, problem, device)


def optax_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`optax.ctc_loss`, whose padding is a float mask."""
    import optax

    batch, steps = problem.logits.shape[:2]
    no_padding = jax.device_put(np.zeros((batch, steps), np.float32), device)
    no_label_padding = jax.device_put(np.zeros(problem.labels.shape, np.float32), device)

    def loss(logits: Array, labels: Array) -> Array:
        return optax.ctc_loss(logits, no_padding, labels, no_label_padding)

    return _jax_entrant("optax", loss, problem, device)


def least_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """A log_softmax with its gradient."""

    def loss(logits: Array, labels: Array) -> Array:
        weights = jnp.linspace(-1, 1, logits.shape[2])
        return -jnp.sum(jax.nn.log_softmax(logits) * weights, axis=(1, 2))

    return _jax_entrant(LEAST, loss, problem, device)


def _jax_entrant(
    name: str,
    losses: Callable[[Array, Array], Array],
    problem: Problem,
    device: jax.Device,
) -> Entrant:
    operands = jax.device_put(tuple(problem), device)

    def loss(logits: Array, labels: Array) -> tuple[Array, Array]:
        each = losses(logits, labels)
        return jnp.sum(each), each

    def total(logits: Array) -> Array:
        return loss(logits, operands[1])[0]

    forward = jax.jit(losses).lower(*operands).compile()
    start = time.perf_counter()
    training = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*operands).compile()
    compile_seconds = time.perf_counter() - start

    def answer() -> Answer:
        (_, each), gradient = training(*operands)
        return Answer(np.asarray(each), {"logits": np.asarray(gradient)})

    return Entrant(
        name,
        forward=lambda: jax.block_until_ready(forward(*operands)),
        training=lambda: jax.block_until_ready(training(*operands)),
        answer=answer,
        costs=Costs(
            compile_seconds,
            memory.residual_bytes(total, operands[0]),
            memory.temporary_bytes(training),
        ),
    )


def torch_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`torch.nn.functional.ctc_loss` on log_softmax, whose layout is time first."""
    import torch

    place = torch_place(device)
    finish = torch.cuda.synchronize if place == "cuda" else lambda: None
    batch, steps = problem.logits.shape[:2]
    logits = torch.from_numpy(np.ascontiguousarray(problem.logits.swapaxes(0, 1))).to(place)
    logits.requires_grad_()
    labels = torch.from_numpy(problem.labels.astype(np.int64)).to(place)
    lengths = torch.full((batch,), steps), torch.full((batch,), problem.labels.shape[1])

    def losses() -> torch.Tensor:
        log_probs = logits.log_softmax(-1)
        return torch.nn.functional.ctc_loss(log_probs, labels, *lengths, reduction="none")

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            each = losses()
        finish()
        return each

    def training() -> torch.Tensor:
        (gradient,) = torch.autograd.grad(losses().sum(), [logits])
        finish()
        return gradient

    def answer() -> Answer:
        gradient = training().cpu().numpy().swapaxes(0, 1)
        return Answer(forward().cpu().numpy(), {"logits": gradient})

    costs = Costs(None, memory.saved_by_torch(lambda: losses().sum(), [logits]), None)
    return Entrant("torch", forward, training, answer, costs)


def _lengths(problem: Problem, device: jax.Device) -> tuple[Array, Array]:
    batch, steps = problem.logits.shape[:2]
    full = (np.full(batch, size, np.int32) for size in (steps, problem.labels.shape[1]))
    return jax.device_put(tuple(full), device)


PEERS: dict[Peer, Callable[[Problem, jax.Device], Entrant]] = {
    "optax": optax_entrant,
    "torch": torch_entrant,
}
