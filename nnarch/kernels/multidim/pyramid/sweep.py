"""Convolutional LSTMs along an axis, several directions in one `lax.scan`, with a pass backward of
its own.

The loop forward keeps the states and the gates; the loop backward makes only the gradients of the
gates' arguments, which the plane before needs; each window's gradient is one convolution over all
planes after it. So no window's gradient is read, written or, where the batch is sharded, reduced
over devices inside a loop.

On a CPU a step convolves the plane of inputs and the states together: at 2 volumes of 32x32x32, 8
inputs and 8 units it takes half the time that it takes with the inputs convolved before the loop,
whose result has to be written to memory and read again. On an accelerator they are convolved before
it, all at once.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from nnarch.kernels.dtypes import accumulator
from nnarch.kernels.multidim.pyramid.convolution import convolve, outer, pull
from nnarch.kernels.multidim.pyramid.parameters import PyramidParams
from nnarch.kernels.varying import varying_alike


class Kept(NamedTuple):
    """What the pass backward reads of the pass forward."""

    gates: Array  # [T, G, B, P, Q, 4H] in the dtype of the inputs
    h: Array  # [T, G, B, P, Q, H], after each step
    c: Array  # the same


def sweep(params: PyramidParams, planes: Array, inside: Array | None) -> Array:
    """Runs G directions through T planes, each in the order in which they lie.

    Args:
      params: of the directions, each with a leading axis of G.
      planes: [T, G, B, P, Q, D], finite.
      inside: bool [T, G, B, P, Q, 1]: where it is false the state is zero. None: everywhere true.

    Returns:
      hs [T, G, B, P, Q, H] in the dtype of planes.
    """
    return _sweep(*varying_alike((params, planes, inside)))


@jax.custom_vjp
def _sweep(params, planes, inside):
    return _on_platform(lambda merged, *operands: _run(merged, *operands).h, params, planes, inside)


def _sweep_forward(params, planes, inside):
    kept = _on_platform(_run, params, planes, inside)
    return kept.h, (params, planes, inside, kept)


def _on_platform(run, *operands):
    return lax.platform_dependent(*operands, cpu=partial(run, True), default=partial(run, False))


def _run(merged: bool, params: PyramidParams, planes: Array, inside: Array | None) -> Kept:
    operand, exact = planes.dtype, accumulator(planes.dtype)
    arguments, inputs = _arguments(merged, params, planes)

    def step(state, of_step):
        (h, c), (x, here) = state, of_step
        i, f, g, o = jnp.split(gates := _activate(arguments(x, h)), 4, axis=-1)
        c = _where(here, f * c + i * g)
        h = _where(here, o * jnp.tanh(c))
        kept = Kept(gates.astype(operand), h.astype(operand), c)
        return (h, c), kept

    nothing = jnp.zeros_like(planes[0, ..., :1], exact)
    nothing = jnp.broadcast_to(nothing, (*nothing.shape[:-1], params.w_h.shape[-2]))
    _, kept = lax.scan(step, (nothing, nothing), (inputs, inside))
    return kept


def _arguments(merged: bool, params: PyramidParams, planes: Array):
    """(what a step reads of the inputs, h) -> the gates' arguments; and the stack of what is read.

    Each direction has windows of its own, hence one convolution for each.
    """
    operand = planes.dtype
    b = params.b.astype(accumulator(operand))[:, None, None, None]
    if merged:
        both = jnp.concatenate([params.w_x, params.w_h], axis=-2)

        def arguments(x, h):
            seen = jnp.concatenate([x, h.astype(operand)], axis=-1)
            return _each(convolve, seen, both, operand) + b

        return arguments, planes

    def arguments(x, h):
        return x + _each(convolve, h, params.w_h, operand)

    by_direction = _each(convolve, jnp.moveaxis(planes, 1, 0), params.w_x, operand)
    return arguments, jnp.moveaxis(by_direction, 0, 1) + b


def _each(function, arrays: Array, windows: Array, *options) -> Array:
    """[G, ...] and the windows of G directions -> [G, ...]."""
    return jnp.stack([function(a, w, *options) for a, w in zip(arrays, windows, strict=True)])


def _activate(z: Array) -> Array:
    """sigmoid, sigmoid, tanh, sigmoid in one pass: sigmoid(z) = tanh(z / 2) / 2 + 1 / 2."""
    hidden = z.shape[-1] // 4
    scale = np.repeat(np.array([0.5, 0.5, 1, 0.5], z.dtype), hidden)
    shift = np.repeat(np.array([0.5, 0.5, 0, 0.5], z.dtype), hidden)
    return scale * jnp.tanh(scale * z) + shift


def _where(here: Array | None, values: Array) -> Array:
    return values if here is None else jnp.where(here, values, 0)


# With dh, dc the gradients of everything after a step with respect to its h and c, and * the
# convolution:
#     dc += dh o (1 - tanh(c)^2)
#     dz = dc g i (1 - i),  dc c[t-1] f (1 - f),  dc i (1 - g^2),  dh tanh(c) o (1 - o)
#     dc[t-1] = dc f;  dh[t-1] = dys[t-1] + dz * w_h turned about both axes
# and after the loop, from the stack of dz
#     dx = dz * w_x turned;  dw_x = x correlated with dz;  dw_h = h[t-1] correlated with dz
# Where a pixel is not inside, h and c are constants: dh and dc are set to zero, and so dz is zero.
def _sweep_backward(residuals, dys):
    params, planes, inside, kept = residuals
    operand, exact = planes.dtype, accumulator(planes.dtype)

    def step(carry, of_step):
        (dh, dc), (gates, c, c_before, dy, here) = carry, of_step
        i, f, g, o = jnp.split(gates.astype(exact), 4, axis=-1)
        dh = _where(here, dh + dy.astype(exact))
        tanh_c = jnp.tanh(c)
        dc = _where(here, dc + dh * o * (1 - tanh_c * tanh_c))
        parts = (
            dc * g * i * (1 - i),
            dc * c_before * f * (1 - f),
            dc * i * (1 - g * g),
            dh * tanh_c * o * (1 - o),
        )
        dz = jnp.concatenate(parts, axis=-1).astype(operand)
        return (_each(pull, dz, params.w_h, operand), dc * f), dz

    nothing = jnp.zeros_like(kept.c[0])
    of_steps = (kept.gates, kept.c, _before(kept.c), dys, inside)
    _, dzs = lax.scan(step, (nothing, nothing), of_steps, reverse=True)
    dparams, dplanes = _gradients(params, planes, _before(kept.h), dzs)
    return dparams, dplanes, None


_sweep.defvjp(_sweep_forward, _sweep_backward)


def _before(stack: Array) -> Array:
    """What stood before each step: zeros before the first."""
    return jnp.concatenate([jnp.zeros_like(stack[:1]), stack[:-1]])


def _gradients(params: PyramidParams, planes: Array, before: Array, dzs: Array):
    """The gradients of the parameters and of the inputs, all planes at once."""
    operand, size = planes.dtype, params.w_x.shape[1]
    by_direction = [jnp.moveaxis(stack, 1, 0) for stack in (planes, before, dzs)]
    dw_x, dw_h = (
        jnp.stack([outer(v, dz, size, operand) for v, dz in zip(vs, by_direction[2], strict=True)])
        for vs in by_direction[:2]
    )
    db = jnp.sum(dzs.astype(accumulator(operand)), axis=(0, 2, 3, 4))
    dplanes = _each(pull, by_direction[2], params.w_x, operand)
    dparams = jax.tree.map(
        lambda d, p: d.astype(p.dtype), PyramidParams(dw_x, dw_h, db), PyramidParams(*params)
    )
    return dparams, jnp.moveaxis(dplanes, 0, 1).astype(operand)
