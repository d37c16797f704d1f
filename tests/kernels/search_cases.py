"""Small tables of what follows what, and every sequence that can be made of them."""

import itertools

import jax.numpy as jnp
import numpy as np

START, END, WORDS, LENGTH = 0, 1, 4, 4


def tables(seed, rows, sharpness=1.5):
    """Logits of the next token, [B, L, V, V]: by row, position and token before."""
    rng = np.random.default_rng(seed)
    return rng.normal(scale=sharpness, size=(rows, LENGTH, WORDS, WORDS)).astype(np.float32)


def step(state, tokens):
    """Looks up the logits of the row, the position and the token before."""
    table, position = state
    rows = jnp.arange(len(tokens))
    return table[rows, position, tokens], (table, position + 1)


def lp(n, alpha):
    """The length term."""
    return ((5 + n) / 6) ** alpha


def sequences():
    """Every finished hypothesis: tokens other than END, then END."""
    for n in range(LENGTH):
        words = [token for token in range(WORDS) if token != END]
        yield from ((*prefix, END) for prefix in itertools.product(words, repeat=n))


def log_prob(table, tokens):
    """Float64; table [L, V, V] are the logits of one row."""
    total, last = 0.0, START
    for position, token in enumerate(tokens):
        logits = table[position, last].astype(np.float64)
        total += logits[token] - np.log(np.sum(np.exp(logits)))
        last = token
    return total


def padded(tokens):
    """As the searches return it."""
    return [*tokens, *[0] * (LENGTH - len(tokens))]
