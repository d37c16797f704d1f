"""Sequences drawn token by token from what a step function says, a batch at a time, in one loop."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from nnarch.kernels.explicit_axes import automatic, rows_of_mesh
from nnarch.kernels.largest import largest
from nnarch.kernels.search.check import batch_size, check_logits, check_sampling, check_tokens
from nnarch.kernels.search.distribution import token_log_probs
from nnarch.kernels.varying import varying_alike

Step = Callable[[Any, Array], tuple[Array, Any]]

_SMALLEST = float(jnp.finfo(jnp.float32).tiny)  # a temperature below it would be 0


class Samples(NamedTuple):
    """What was drawn for each row; N is `samples`, L is `max_length`."""

    tokens: Array  # [B, N, L] int32, zero past the length
    lengths: Array  # [B, N] int32, the end token counted
    log_probs: Array  # [B, N] float32, log p as step has it: untouched by temperature and top
    finished: Array  # [B, N] bool; False where max_length cut it


def sample_sequences(
    keys: Array,
    step: Step,
    state: Any,
    *,
    start: int,
    end: int,
    max_length: int,
    samples: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Samples:
    """Draws token sequences for every row of a batch.

    Each token is drawn from p ** (1 / temperature), made to add up to 1; of that from the `top_k`
    likeliest tokens alone; of those from the fewest likeliest ones that have `top_p` of what is
    left (nucleus sampling; Holtzman et al. 2020, arXiv 1904.09751). Ties go to the lower token.

    A sequence after which no token has a probability ends there, unfinished.

    Call it under jit, with what `step` closes over as arguments of the jitted function.

    Args:
      keys: typed keys [B], one a row, such as jax.random.split(key, B): what is drawn for a row
        depends on its own key alone.
      step, state, start, end, max_length: as of `beam_search`; R is B * samples.
      samples: sequences drawn a row, independent of one another.
      temperature: above 0; below 1 favours what is likely.
      top_k: tokens to choose from; all if left out.
      top_p: share of the probability to choose from, 0 < top_p <= 1; all if left out.

    Returns:
      Samples, in the order they were drawn.

    Raises:
      ValueError: an option is out of range, there is not a key for each row, the state has no
        common batch axis, or logits are not [R, V] with V > end.
    """
    rows = batch_size("sample_sequences", state)
    check_tokens(start, end)
    check_sampling(max_length, samples, temperature, top_k, top_p)
    if jnp.shape(keys) != (rows,):
        raise ValueError(
            f"sample_sequences expects a typed key for each of {rows} rows; got shape "
            f"{jnp.shape(keys)}. Make them with jax.random.split(key, {rows})."
        )

    def first(keys, state):
        keys = jax.vmap(lambda key: jax.random.split(key, samples))(keys).reshape(-1)
        return keys, _nothing_drawn(state, rows, samples, start, max_length)

    def goes_on(search):
        n, drawn = search
        return (n < max_length) & jnp.any(drawn.goes_on)

    def extend(search):
        n, drawn = search
        logits, state = step(drawn.state, drawn.last)
        check_logits(logits, rows * samples, end)
        return n + 1, on_rows(chosen)(n, drawn._replace(state=state), logits, keys)

    def chosen(n, drawn, logits, keys):
        log_probs = token_log_probs(logits)
        here = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, n)
        token = _draw(here, _tempered(log_probs, temperature), top_k, top_p)
        return _extended(drawn, n, token, log_probs, end)

    def last(drawn):
        tokens = drawn.tokens.reshape(rows, samples, max_length)
        rest = drawn.lengths, drawn.log_probs, drawn.finished
        return Samples(tokens, *(field.reshape(rows, samples) for field in rest))

    # What step closes over may lie on explicit axes, so it is called outside.
    on_rows = partial(automatic, rows=rows_of_mesh(state))
    keys, drawn = on_rows(first)(keys, state)
    _, drawn = lax.while_loop(goes_on, extend, varying_alike((jnp.int32(0), drawn)))
    return on_rows(last)(drawn._replace(state=()))


class _Drawn(NamedTuple):
    """Sequences in progress, R of them."""

    tokens: Array  # [R, L] int32
    last: Array  # [R] int32
    lengths: Array  # [R] int32
    log_probs: Array  # [R] float32
    finished: Array  # [R] bool
    goes_on: Array  # [R] bool
    state: Any  # leading axis R


def _nothing_drawn(state: Any, rows: int, samples: int, start: int, max_length: int) -> _Drawn:
    count = rows * samples
    return _Drawn(
        tokens=jnp.zeros((count, max_length), jnp.int32),
        last=jnp.full(count, start, jnp.int32),
        lengths=jnp.zeros(count, jnp.int32),
        log_probs=jnp.zeros(count, jnp.float32),
        finished=jnp.zeros(count, bool),
        goes_on=jnp.ones(count, bool),
        state=jax.tree.map(lambda leaf: jnp.repeat(leaf, samples, axis=0), state),
    )


def _extended(drawn: _Drawn, n: Array, token: Array, log_probs: Array, end: int) -> _Drawn:
    """With one more token, the one after n, for those that go on."""
    goes_on = drawn.goes_on & jnp.any(log_probs > -jnp.inf, axis=1)
    gained = jnp.take_along_axis(log_probs, token[:, None], axis=1)[:, 0]
    return _Drawn(
        tokens=drawn.tokens.at[:, n].set(jnp.where(goes_on, token, 0)),
        last=token,
        lengths=drawn.lengths + goes_on.astype(jnp.int32),
        log_probs=drawn.log_probs + jnp.where(goes_on, gained, 0),
        finished=drawn.finished | (goes_on & (token == end)),
        goes_on=goes_on & (token != end),
        state=drawn.state,
    )


def _tempered(log_probs: Array, temperature: float) -> Array:
    """The same order; the likeliest at 0, so that it is not lost where a temperature is tiny."""
    highest = jnp.max(log_probs, axis=1, keepdims=True)
    scores = (log_probs - highest) / max(temperature, _SMALLEST)
    return jnp.where(log_probs > -jnp.inf, scores, -jnp.inf)


def _draw(keys: Array, logits: Array, top_k: int | None, top_p: float | None) -> Array:
    """One token a row, int32 [R], of logits [R, V]."""
    draw = jax.vmap(jax.random.categorical)
    if top_k is None and top_p is None:
        return draw(keys, logits).astype(jnp.int32)
    words = logits.shape[-1]
    ranked, tokens = largest(logits, words if top_k is None else min(top_k, words))
    if top_p is not None:
        shares = jax.nn.softmax(ranked)
        before = jnp.cumsum(shares, axis=-1) - shares  # of what is likelier: the first has none
        ranked = jnp.where(before < top_p, ranked, -jnp.inf)
    rank = draw(keys, ranked)
    return jnp.take_along_axis(tokens, rank[:, None], axis=1)[:, 0].astype(jnp.int32)
