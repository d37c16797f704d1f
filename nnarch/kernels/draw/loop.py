"""The loops of DRAW: one looks at a picture and draws it again, one draws from the prior.

Both are steps of `deferred_scan`, so every weight's gradient is one product after the loop.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nnarch.kernels.attention import Memory, cells, scores
from nnarch.kernels.cells import LSTMState
from nnarch.kernels.deferred import Multiply, deferred_scan
from nnarch.kernels.draw.filters import NUMBERS, read_patch, window_of, write_patch
from nnarch.kernels.draw.parameters import DrawParams, sizes_of
from nnarch.kernels.dtypes import accumulator


class _Carry(NamedTuple):
    """What one step hands to the next."""

    drawing: LSTMState
    canvas: Array  # [B, Y, X], logits
    looking: LSTMState | None = None


class _Step(NamedTuple):
    """A step of either loop. Hashable: it is static."""

    size: tuple[int, int]
    read: int
    write: int

    def look(self, multiply: Multiply, constants: dict[str, Any], carry: _Carry, noise):
        h = carry.drawing.h
        error = constants["picture"] - jax.nn.sigmoid(carry.canvas)
        seen = jnp.stack([constants["picture"], error], axis=1)
        window = window_of(
            multiply("read", h, plus=constants["b_read"]), grid=self.read, size=self.size
        )
        patch = read_patch(seen, window, grid=self.read).reshape(len(h), 2 * self.read**2)
        looking = _lstm(multiply, constants, "looking", [patch, h], carry.looking)
        told = multiply("posterior", looking.h, plus=constants["b_posterior"])
        mean, log_deviation = jnp.split(told, 2, axis=-1)
        kl = _kl(mean, log_deviation, *_prior(multiply, constants, h))
        latent = mean + jnp.exp(log_deviation) * noise
        after, told = self._write(multiply, constants, carry, latent)
        return after._replace(looking=looking), (*told, kl)

    def draw(self, multiply: Multiply, constants: dict[str, Any], carry: _Carry, noise):
        mean, log_deviation = _prior(multiply, constants, carry.drawing.h)
        latent = mean + jnp.exp(log_deviation) * noise
        return self._write(multiply, constants, carry, latent)

    def _write(self, multiply: Multiply, constants: dict[str, Any], carry: _Carry, latent: Array):
        context, shares = scores.attend(multiply, constants, constants["valid"], carry.drawing.h)
        drawing = _lstm(multiply, constants, "drawing", [latent, context], carry.drawing)
        written = multiply("write", drawing.h, plus=constants["b_write"])
        canvas = carry.canvas + stroke(written, size=self.size)
        return _Carry(drawing, canvas), (written, shares)


def stroke(written: Array, *, size: tuple[int, int]) -> Array:
    """What a step adds to the canvas [B, Y, X]; written [B, 5 + W^2]."""
    grid = round((written.shape[-1] - NUMBERS) ** 0.5)
    window = window_of(written[:, :NUMBERS], grid=grid, size=size)
    patch = written[:, NUMBERS:].reshape(-1, grid, grid)
    return write_patch(patch, window, size=size)


def _lstm(multiply, constants, name: str, inputs: list[Array], state: LSTMState) -> LSTMState:
    z = multiply(name, *inputs, state.h, plus=constants[f"b_{name}"])
    i, f, g, o = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def _prior(multiply: Multiply, constants: dict[str, Any], h: Array) -> tuple[Array, Array]:
    return tuple(jnp.split(jnp.tanh(multiply("prior", h, plus=constants["b_prior"])), 2, axis=-1))


def _kl(mean: Array, log_deviation: Array, prior_mean: Array, prior_log_deviation: Array) -> Array:
    """[B], nats: KL divergence of two diagonal Gaussians."""
    apart = (mean - prior_mean) ** 2 * jnp.exp(-2 * prior_log_deviation)
    log_ratio = prior_log_deviation - log_deviation
    return jnp.sum(log_ratio + (jnp.exp(-2 * log_ratio) + apart - 1) / 2, axis=-1)


def _weights(params: DrawParams, memory: Memory) -> dict[str, Array]:
    return {
        "looking": jnp.concatenate([params.looking.w_x, params.looking.w_h]),
        "drawing": jnp.concatenate([params.drawing.w_x, params.drawing.w_h]),
        "posterior": params.w_posterior,
        "prior": params.w_prior,
        "read": params.w_read,
        "write": params.w_write,
        **scores.weights(params.score, memory),
    }


def _constants(params: DrawParams, memory: Memory, dtype: jnp.dtype) -> dict[str, Array]:
    """One bias a row, so that its gradient is no sum over the batch inside the loop."""
    biases = {
        "b_looking": params.looking.b,
        "b_drawing": params.drawing.b,
        "b_posterior": params.b_posterior,
        "b_prior": params.b_prior,
        "b_read": params.b_read,
        "b_write": params.b_write,
    }
    batch = memory.values.shape[0]
    rows = {name: jnp.broadcast_to(b.astype(dtype), (batch, len(b))) for name, b in biases.items()}
    return {**rows, **scores.constants(params.score, memory), "valid": memory.valid.astype(dtype)}


LOOKING_ALONE = ("looking", "posterior", "read")
PRODUCTS = scores.PRODUCTS | dict.fromkeys(
    ("looking", "drawing", "posterior", "prior", "read", "write"), cells.DENSE
)


def look(
    params: DrawParams, pictures: Array, memory: Memory, noise: Array
) -> tuple[Array, tuple[Array, ...]]:
    """pictures [B, Y, X], noise [T, B, Z] -> the last canvas [B, Y, X]; of each step what was
    written [T, B, 5 + W^2], where it attended [T, B, S], and kl [T, B].
    """
    exact = accumulator(noise.dtype)
    weights, constants = _weights(params, memory), _constants(params, memory, exact)
    constants["picture"] = pictures.astype(exact)
    nothing = jnp.zeros((len(pictures), params.looking.w_h.shape[0]), exact)
    carry = _begin(params, pictures.shape, exact)
    carry = carry._replace(looking=LSTMState(nothing, nothing))
    return _run(_step(params, pictures.shape[1:]).look, weights, constants, carry, noise)


def draw(
    params: DrawParams, memory: Memory, noise: Array, *, size: tuple[int, int]
) -> tuple[Array, tuple[Array, ...]]:
    """As `look`, of latents from the prior; without kl."""
    weights = _weights(params, memory)
    weights = {name: w for name, w in weights.items() if name not in LOOKING_ALONE}
    exact = accumulator(noise.dtype)
    constants = _constants(params, memory, exact)
    carry = _begin(params, (noise.shape[1], *size), exact)
    return _run(_step(params, size).draw, weights, constants, carry, noise)


def _step(params: DrawParams, size: tuple[int, ...]) -> _Step:
    sizes = sizes_of(params)
    return _Step((size[0], size[1]), sizes.read, sizes.write)


def _begin(params: DrawParams, shape: tuple[int, ...], dtype: jnp.dtype) -> _Carry:
    nothing = jnp.zeros((shape[0], params.drawing.w_h.shape[0]), dtype)
    canvas = jnp.broadcast_to(params.canvas.astype(dtype), shape)
    return _Carry(LSTMState(nothing, nothing), canvas)


def _run(step, weights, constants, carry: _Carry, noise: Array) -> tuple[Array, tuple[Array, ...]]:
    products = {name: PRODUCTS[name] for name in weights}
    final, told = deferred_scan(
        step,
        weights,
        constants,
        carry,
        noise.astype(accumulator(noise.dtype)),
        products=products,
        operand=noise.dtype,
    )
    return final.canvas, told
