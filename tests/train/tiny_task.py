"""The smallest task that has all an engine meets: buckets, batch statistics, dropout, validation.

A GRU-like cell reads numbers and tells their sum; rows come in two lengths. Made for tests in
this process and in others.
"""

import hashlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnarch.train import Loss, Task


class Summing:
    """Batches of numbers and their sums; batch `step` depends on (seed, step) alone.

    Batch numbers in `poison` hold a NaN.
    """

    def __init__(self, *, seed=0, rows=16, lengths=(4, 6), index=0, count=1, poison=()):
        self.seed, self.rows, self.lengths, self.poison = seed, rows, lengths, frozenset(poison)
        self.mine = slice(index * rows // count, (index + 1) * rows // count)
        local = rows // count
        self.shapes = tuple(
            {
                "numbers": jax.ShapeDtypeStruct((local, length), np.float32),
                "sums": jax.ShapeDtypeStruct((local,), np.float32),
            }
            for length in lengths
        )

    def iterator(self):
        return SummingIterator(self)

    def batch(self, step):
        rng = np.random.default_rng((self.seed, step))
        length = self.lengths[step % len(self.lengths)]
        numbers = rng.normal(size=(self.rows, length)).astype(np.float32)
        sums = numbers.sum(1)
        if step in self.poison:
            numbers[0, 0] = np.nan
        return {"numbers": numbers[self.mine], "sums": sums[self.mine]}


class SummingIterator:
    def __init__(self, batches):
        self.batches, self.step = batches, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.step += 1
        return self.batches.batch(self.step - 1)

    def get_state(self):
        return {"step": self.step}

    def set_state(self, state):
        self.step = state["step"]


class Model(nnx.Module):
    """numbers [B, T] -> sums [B]."""

    def __init__(self, key, hidden=8, rate=0.1):
        keys = jax.random.split(key, 3)
        rngs = nnx.Rngs(keys[2])
        self.w_x = nnx.Param(jax.random.normal(keys[0], (1, hidden)) * 0.5)
        self.w_h = nnx.Param(jax.random.normal(keys[1], (hidden, hidden)) * 0.3)
        self.b = nnx.Param(jnp.zeros(hidden))
        self.norm = nnx.BatchNorm(hidden, momentum=0.9, rngs=rngs)
        self.out = nnx.Linear(hidden, 1, rngs=rngs)
        self.rate = rate
        self.deterministic = False

    def __call__(self, numbers, key=None):
        def step(h, x):
            h = jnp.tanh(x[:, None] * self.w_x[...] + h @ self.w_h[...] + self.b[...])
            return h, None

        h = jnp.zeros_like(numbers, shape=(numbers.shape[0], self.b.shape[0]))
        h, _ = jax.lax.scan(step, h, numbers.T)
        h = self.norm(h).astype(h.dtype)
        if not self.deterministic and self.rate:
            kept = jax.random.bernoulli(key, 1 - self.rate, h.shape)
            h = jnp.where(kept, h / (1 - self.rate), 0).astype(h.dtype)
        return self.out(h)[:, 0]


def squared_error(model, batch, key):
    error = (model(batch["numbers"], key) - batch["sums"]).astype(jnp.float32) ** 2
    weight = jnp.float32(error.shape[0])
    large = jnp.sum(error > 1, dtype=jnp.float32)
    return Loss(jnp.sum(error), weight, {"large": (large, weight)})


def busy(rounds):
    """A loss that takes `rounds` / 1e6 seconds or so to trace, in one call without Python."""

    def loss(model, batch, key):
        print("tracing", flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
        return squared_error(model, batch, key)

    return loss


@partial(jax.jit, static_argnums=0)
def _mean_error(graph, state, numbers, sums):
    return jnp.mean((nnx.merge(graph, state)(numbers) - sums) ** 2)


def validate(model):
    held_out = Summing(seed=99).batch(0)
    graph, state = nnx.split(model)
    return {"loss": float(_mean_error(graph, state, held_out["numbers"], held_out["sums"]))}


def make_task(*, hidden=8, rate=0.1, with_validation=True, loss=squared_error, **batches):
    return Task(
        name="tiny",
        create=lambda key: Model(key, hidden, rate),
        loss=loss,
        batches=Summing(**batches),
        validate=validate if with_validation else None,
    )
