"""What every recurrent kernel is put through: the kernels, and one small awkward batch."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from oracles import recurrent as oracle

from nnarch import kernels

BATCH, TIME, INPUTS, HIDDEN = 4, 6, 3, 5
LENGTHS = np.array([6, 3, 1, 0], np.int32)


class Subject(NamedTuple):
    """A kernel and all that is needed to call it and to know what it should answer."""

    kernel: object
    init: object
    state: type
    oracle: object
    options: dict

    def run(self, params, xs, initial=None, **options):
        return self.kernel(params, xs, initial, **self.options, **options)


SUBJECTS = {
    "elman": Subject(kernels.elman, kernels.init_elman, kernels.ElmanState, oracle.elman, {}),
    "lstm": Subject(kernels.lstm, kernels.init_lstm, kernels.LSTMState, oracle.lstm, {}),
    "gru": Subject(
        kernels.gru, kernels.init_gru, kernels.GRUState, oracle.gru_after, {"reset": "after"}
    ),
    "gru_before": Subject(
        kernels.gru, kernels.init_gru, kernels.GRUState, oracle.gru_before, {"reset": "before"}
    ),
}
IMPLEMENTATIONS = ("scan", "reference")


class Case(NamedTuple):
    """The operands of one call; what lies behind the lengths is NaN."""

    params: tuple
    xs: jax.Array
    initial: tuple
    lengths: np.ndarray


def case(name, *, lengths=LENGTHS, time=TIME, dtype=jnp.float32, seed=0):
    """Rows of the given lengths, with biases other than zero and an initial state."""
    subject, rng = SUBJECTS[name], np.random.default_rng(seed)
    params = subject.init(jax.random.key(seed), INPUTS, HIDDEN, dtype=dtype)
    params = type(params)(*(p + jnp.asarray(rng.normal(size=p.shape) / 3, dtype) for p in params))
    xs = rng.normal(size=(len(lengths), time, INPUTS))
    xs[np.arange(time) >= np.asarray(lengths)[:, None]] = np.nan
    initial = [rng.normal(size=(len(lengths), HIDDEN)) for _ in subject.state._fields]
    sums = jnp.promote_types(dtype, jnp.float32)
    return Case(
        params,
        jnp.asarray(xs, dtype),
        subject.state(*(jnp.asarray(s, sums) for s in initial)),
        np.asarray(lengths, np.int32),
    )


def scalar(ys, states):
    """A number that every valid output and every part of the last state take part in."""
    weights = jnp.cos(jnp.arange(ys.size, dtype=jnp.float32)).reshape(ys.shape)
    total = jnp.sum(jnp.sin(ys) * weights)
    for state in jax.tree.leaves(states):
        total += jnp.sum(jnp.sin(state) * jnp.cos(jnp.arange(state.size)).reshape(state.shape))
    return total
