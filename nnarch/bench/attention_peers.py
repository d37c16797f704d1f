"""Decoders that attend, by nnarch, by a scan that JAX differentiates, and by PyTorch's loop."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import numpy as np
from jax import Array

from nnarch import kernels
from nnarch.bench import memory
from nnarch.bench.entrant import Answer, Costs, Entrant, jax_entrant
from nnarch.bench.torch_settings import torch_place
from nnarch.kernels.workloads import AttentionWorkload

Decoder = Literal["luong", "bahdanau"]
Peer = Literal["torch"]

PLAIN = "autodiff scan"


class Problem(NamedTuple):
    """A decoder, its parameters, and what it reads; every row full."""

    decoder: Decoder
    params: kernels.LuongParams | kernels.BahdanauParams
    xs: np.ndarray  # float32 [B, T, H]
    values: np.ndarray  # float32 [B, S, H]


def draw(decoder: Decoder, shape: AttentionWorkload, *, seed: int = 0) -> Problem:
    """An LSTM decoder, all sizes the same; Luong scores in general, Bahdanau by addition."""
    init = {"luong": kernels.init_luong_decoder, "bahdanau": kernels.init_bahdanau_decoder}
    params = init[decoder](jax.random.key(seed), *[shape.hidden] * 4)
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(shape.batch, shape.time, shape.hidden)).astype(np.float32)
    values = rng.normal(size=(shape.batch, shape.places, shape.hidden)).astype(np.float32)
    return Problem(decoder, params, xs, values)


def jax_entrants(problem: Problem, device: jax.Device) -> list[Entrant]:
    """Ours, and the same step in a plain `lax.scan`, its input's projection before it too."""
    return [
        _entrant("nnarch", problem, device, "scan"),
        _entrant(PLAIN, problem, device, "reference"),
    ]


def _entrant(name: str, problem: Problem, device: jax.Device, implementation: str) -> Entrant:
    run = {"luong": kernels.luong_decoder, "bahdanau": kernels.bahdanau_decoder}[problem.decoder]

    def ys(operands: tuple, xs: Array) -> Array:
        params, values = operands
        held = kernels.attention_memory(params.score, values)
        return run(params, xs, held, implementation=implementation)[0].ys

    operands = jax.device_put((problem.params, problem.values), device)
    xs = jax.device_put(problem.xs, device)
    return jax_entrant(name, ys, operands, xs, to_ours=_named)


def _named(gradients: tuple) -> dict[str, Array]:
    params, values = gradients
    cell = {"w_x": params.cell.w_x, "w_h": params.cell.w_h, "b": params.cell.b}
    score = params.score._asdict()
    out = {name: getattr(params, name) for name in ("w_out", "b_out") if hasattr(params, name)}
    return {**cell, **score, **out, "values": values}


def torch_entrant(problem: Problem, device: jax.Device) -> Entrant:
    """A loop over time around `torch.nn.LSTMCell`, its input's projection made in it."""
    import torch

    place = torch_place(device)
    finish = torch.cuda.synchronize if place == "cuda" else lambda: None
    named = {"xs": problem.xs, **_named((problem.params, problem.values))}
    leaves = {
        name: torch.tensor(np.asarray(value), device=place, requires_grad=True)
        for name, value in named.items()
    }
    decode = {"luong": _torch_luong, "bahdanau": _torch_bahdanau}[problem.decoder]

    def total() -> torch.Tensor:
        return decode(torch, leaves).pow(2).sum()

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            ys = decode(torch, leaves)
        finish()
        return ys

    def training() -> tuple:
        gradients = torch.autograd.grad(total(), list(leaves.values()))
        finish()
        return gradients

    def answer() -> Answer:
        gradients = [gradient.cpu().numpy() for gradient in training()]
        return Answer(forward().cpu().numpy(), dict(zip(leaves, gradients, strict=True)))

    costs = Costs(None, memory.saved_by_torch(total, list(leaves.values())), None)
    return Entrant("torch", forward, training, answer, costs)


def _torch_cell(torch, p: dict, x, h, c):
    i, f, g, o = (x @ p["w_x"] + h @ p["w_h"] + p["b"]).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _torch_luong(torch, p: dict):
    batch, steps, hidden = p["xs"].shape
    keys = p["values"] @ p["w"].T
    h = c = fed = p["xs"].new_zeros(batch, hidden)
    ys = []
    for t in range(steps):
        h, c = _torch_cell(torch, p, torch.cat([p["xs"][:, t], fed], -1), h, c)
        shares = torch.bmm(keys, h[:, :, None]).softmax(1)
        context = torch.bmm(shares.mT, p["values"])[:, 0]
        fed = (torch.cat([context, h], -1) @ p["w_out"] + p["b_out"]).tanh()
        ys.append(fed)
    return torch.stack(ys, 1)


def _torch_bahdanau(torch, p: dict):
    batch, steps, hidden = p["xs"].shape
    keys = p["values"] @ p["w_key"]
    h = c = p["xs"].new_zeros(batch, hidden)
    ys = []
    for t in range(steps):
        scores = ((h @ p["w_query"])[:, None] + keys).tanh() @ p["v"]
        context = torch.bmm(scores.softmax(1)[:, None], p["values"])[:, 0]
        h, c = _torch_cell(torch, p, torch.cat([p["xs"][:, t], context], -1), h, c)
        ys.append(h)
    return torch.stack(ys, 1)


PEERS: dict[Peer, Callable[[Problem, jax.Device], Entrant]] = {"torch": torch_entrant}
