"""The recurrent layers of nnarch and of its peers, as entrants with mapped weights.

nnarch keeps [inputs, gates], LSTM gates i f g o, GRU gates r z n with a second bias b_n inside the
reset. What the others keep:

    flax     the same; its GRU has no b_n
    PyTorch  [gates, inputs]; two biases of all gates, the second zero but for b_n
    Keras    the same for LSTM; GRU gates z r n, biases [2, 3H]

Each builder imports its library itself, and fails with ImportError where that is missing.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nnarch import kernels
from nnarch.bench import memory
from nnarch.bench.entrant import Answer, Costs, Entrant, Problem, jax_entrant
from nnarch.bench.torch_settings import torch_place

Peer = Literal["flax", "torch", "keras"]


def nnarch_entrant(
    problem: Problem, device: jax.Device, *, implementation: str | None = None
) -> Entrant:
    """The kernels of this project, by the implementation they choose or by the one named."""
    kernel, kind = {
        "lstm": (kernels.lstm, kernels.LSTMParams),
        "gru": (kernels.gru, kernels.GRUParams),
    }[problem.cell]
    params, xs = jax.device_put((kind(**problem.weights), problem.xs), device)
    return jax_entrant(
        f"nnarch ({implementation})" if implementation else "nnarch",
        lambda params, xs: kernel(params, xs, implementation=implementation)[0],
        params,
        xs,
        to_ours=lambda gradients: gradients._asdict(),
    )


def flax_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`flax.nnx.RNN` over OptimizedLSTMCell or GRUCell, stepped with plain jax.jit."""
    from flax import nnx

    cell = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[problem.cell]
    inputs, hidden = problem.weights["w_x"].shape[0], problem.weights["w_h"].shape[0]
    biased = {"lstm": "dense_h", "gru": "dense_i"}[problem.cell]
    layer = nnx.RNN(cell(inputs, hidden, rngs=nnx.Rngs(0)), rngs=False)
    graph, state = nnx.split(layer, nnx.Param)
    values = {
        "dense_i": {"kernel": problem.weights["w_x"]},
        "dense_h": {"kernel": problem.weights["w_h"]},
    }
    values[biased]["bias"] = problem.weights["b"]
    nnx.replace_by_pure_dict(state, {"cell": values})
    state, xs = jax.device_put((state, problem.xs), device)

    def to_ours(gradients: nnx.State) -> Mapping[str, Array]:
        by_layer = nnx.to_pure_dict(gradients)["cell"]
        return {
            "w_x": by_layer["dense_i"]["kernel"],
            "w_h": by_layer["dense_h"]["kernel"],
            "b": by_layer[biased]["bias"],
        }

    def run(state: nnx.State, xs: Array) -> Array:
        zeros = jnp.zeros((len(xs), hidden), xs.dtype)
        initial = {"lstm": (zeros, zeros), "gru": zeros}[problem.cell]
        return nnx.merge(graph, state)(xs, initial_carry=initial)

    return jax_entrant("flax", run, state, xs, to_ours=to_ours)


def torch_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`torch.nn.LSTM` or `GRU`: oneDNN's packed kernel on a CPU (LSTM), cuDNN's on a GPU."""
    import torch

    place = torch_place(device)
    finish = torch.cuda.synchronize if place == "cuda" else lambda: None
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[problem.cell]
    module = kind(*problem.weights["w_x"].shape[:1], len(problem.weights["w_h"]), batch_first=True)
    _fill_torch(module, problem)
    module.to(place)
    xs = torch.from_numpy(problem.xs).to(place).requires_grad_()
    leaves = [*module.parameters(), xs]

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            ys = module(xs)[0]
        finish()
        return ys

    def loss() -> torch.Tensor:
        return module(xs)[0].square().sum()

    def training() -> list[torch.Tensor]:
        gradients = torch.autograd.grad(loss(), leaves)
        finish()
        return gradients

    def answer() -> Answer:
        gradients = [gradient.cpu().numpy() for gradient in training()]
        return Answer(forward().cpu().numpy(), _from_torch(gradients, problem))

    costs = Costs(None, memory.saved_by_torch(loss, leaves), None)
    return Entrant("torch", forward, training, answer, costs)


def _fill_torch(module: object, problem: Problem) -> None:
    import torch

    bias = np.zeros_like(problem.weights["b"])
    if "b_n" in problem.weights:
        bias[-len(problem.weights["b_n"]) :] = problem.weights["b_n"]
    values = (
        problem.weights["w_x"].T,
        problem.weights["w_h"].T,
        problem.weights["b"],
        bias,
    )
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _from_torch(gradients: list[np.ndarray], problem: Problem) -> dict[str, np.ndarray]:
    """Of weight_ih, weight_hh, bias_ih, bias_hh and xs, in nnarch's names."""
    w_x, w_h, b, b_hidden, xs = gradients
    ours = {"w_x": w_x.T, "w_h": w_h.T, "b": b, "xs": xs}
    if problem.cell == "gru":
        ours["b_n"] = b_hidden[-len(problem.weights["b_n"]) :]
    return ours


def keras_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """`keras.layers.LSTM` or `GRU` (reset_after) on the jax backend, through stateless_call."""
    keras = _keras_on_jax()
    hidden = len(problem.weights["w_h"])
    kind = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[problem.cell]
    layer = kind(hidden, return_sequences=True)
    layer.build(problem.xs.shape)
    layer.set_weights(_to_keras(problem))
    trainable = [jax.device_put(variable.value, device) for variable in layer.trainable_variables]
    fixed = [jax.device_put(variable.value, device) for variable in layer.non_trainable_variables]

    def run(trainable: list[Array], xs: Array) -> Array:
        return layer.stateless_call(trainable, fixed, xs)[0]

    def to_ours(gradients: list[Array]) -> Mapping[str, Array]:
        return _from_keras([np.asarray(gradient) for gradient in gradients], problem)

    return jax_entrant("keras", run, trainable, jax.device_put(problem.xs, device), to_ours=to_ours)


def _keras_on_jax() -> object:
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() != "jax":
        raise ImportError(f"Keras runs on {keras.backend.backend()} here; set KERAS_BACKEND=jax")
    return keras


def _to_keras(problem: Problem) -> list[np.ndarray]:
    weights = problem.weights
    if problem.cell == "lstm":
        return [weights["w_x"], weights["w_h"], weights["b"]]
    second = np.concatenate([np.zeros_like(weights["b"][: -len(weights["b_n"])]), weights["b_n"]])
    biases = np.stack([_exchange(weights["b"]), _exchange(second)])
    return [_exchange(weights["w_x"]), _exchange(weights["w_h"]), biases]


def _from_keras(gradients: list[np.ndarray], problem: Problem) -> dict[str, np.ndarray]:
    w_x, w_h, b = gradients
    if problem.cell == "lstm":
        return {"w_x": w_x, "w_h": w_h, "b": b}
    b_n = b[1, -len(problem.weights["b_n"]) :]
    return {"w_x": _exchange(w_x), "w_h": _exchange(w_h), "b": _exchange(b[0]), "b_n": b_n}


def _exchange(array: np.ndarray) -> np.ndarray:
    """Gates r z n to z r n on the last axis, and back."""
    first, second, third = np.split(array, 3, axis=-1)
    return np.concatenate([second, first, third], axis=-1)


PEERS: dict[Peer, Callable[[Problem, jax.Device], Entrant]] = {
    "flax": flax_entrant,
    "torch": torch_entrant,
    "keras": keras_entrant,
}
