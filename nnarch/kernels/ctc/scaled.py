"""Positive numbers as mantissa and exponent, m 2^e: no digit is lost to a logarithm's size.

A probability over many frames has a logarithm of some thousands, of which float32 keeps four digits
behind the point. Here the mantissa, in [1, 2), has all its 24 bits whatever the exponent, an int32;
sums are aligned by shifts and need no exp or log.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

NOTHING = -(2**29)  # the exponent of 0
MASKED = -(2**30)  # of what must not count even beside 0

# ln 2 in two parts: a multiple of the first, of 9 bits, is exact.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_SMALLEST_LOG = np.float32(-3e8)  # what is less likely counts as impossible; sums stay in int32


class Scaled(NamedTuple):
    """m 2^e. A sum's mantissa may exceed 2; 0 is (0, NOTHING)."""

    m: Array  # float32
    e: Array  # int32


def zero_or_one(ones: Array) -> Scaled:
    """bool -> 1 where true, else 0."""
    e = jnp.where(ones, jnp.int32(0), jnp.int32(NOTHING))
    return Scaled(ones.astype(jnp.float32), e)


def add(*terms: Scaled) -> Scaled:
    """The sum of terms, each with a mantissa in [1, 2) or 0."""
    top = terms[0].e
    for term in terms[1:]:
        top = jnp.maximum(top, term.e)
    return Scaled(sum(term.m * power_of_two(term.e - top) for term in terms), top)


def product(*factors: Scaled) -> Scaled:
    """The product, its mantissa as it comes."""
    m, e = factors[0]
    for factor in factors[1:]:
        m, e = m * factor.m, e + factor.e
    return Scaled(m, e)


def times(number: Scaled, factor: Scaled) -> Scaled:
    """The product, its mantissa brought back to [1, 2)."""
    x, e = product(number, factor)
    m, shift = _normal(x)
    e = e + shift
    return Scaled(jnp.where(e > NOTHING, m, 0), jnp.maximum(e, NOTHING))


def from_log(x: Array) -> Scaled:
    """exp(x), x at most a little above 0; the mantissa is in [0.7, 1.5)."""
    e = jnp.round(jnp.maximum(x, _SMALLEST_LOG) * np.float32(1 / np.log(2)))
    m = jnp.exp((x - e * _LN2_HIGH) - e * _LN2_LOW)
    return Scaled(jnp.where(x < _SMALLEST_LOG, 0, m), e.astype(jnp.int32))


def log(number: Scaled) -> Array:
    """The natural logarithm; -inf of 0."""
    return jnp.log(number.m) + number.e.astype(jnp.float32) * np.float32(np.log(2))


def total(number: Scaled, axis: int) -> Scaled:
    """The sum over an axis, whatever the mantissas."""
    e = jnp.where(number.m > 0, number.e, MASKED)
    top = jnp.max(e, axis=axis, keepdims=True)
    m = jnp.sum(number.m * power_of_two(e - top), axis=axis)
    return Scaled(m, jnp.squeeze(top, axis))


def inverse(number: Scaled) -> Scaled:
    """1 / number; 0 of 0."""
    some = number.m > 0
    return Scaled(jnp.where(some, 1 / jnp.where(some, number.m, 1), 0), -number.e)


def power_of_two(e: Array) -> Array:
    """2^e as float32, e at most 127; 0 below the smallest."""
    return lax.bitcast_convert_type((jnp.maximum(e, -127) + 127) << 23, jnp.float32)


def _normal(x: Array) -> tuple[Array, Array]:
    """x = m 2^shift, m in [1, 2); of 0: (0, far below)."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    some = x > 0
    m = lax.bitcast_convert_type((bits & 0x7FFFFF) | 0x3F800000, jnp.float32)
    return jnp.where(some, m, 0), jnp.where(some, (bits >> 23) - 127, NOTHING)
