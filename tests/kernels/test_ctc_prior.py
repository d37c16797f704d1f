"""Beam search with a language model: scores of all labellings, and prefixes in a dictionary."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.ctc_decoding_cases import host, padded, rows
from oracles.ctc_decoding import every_labelling, prefix_beam_search, ranked
from tolerances import FLOAT32

from nnarch.kernels import CTCPrior, ctc_beam_search

CLASSES, START = 3, 3


def model(seed, batch, steps):
    """Log-probabilities [B, number of labels so far, label before, label], a row's own."""
    shape = (batch, steps + 1, CLASSES + 1, CLASSES)
    tables = np.random.default_rng(seed).normal(scale=1.5, size=shape)
    return tables - np.log(np.exp(tables).sum(axis=-1, keepdims=True))


def prior_of(tables, blank):
    """The blank's scores are +inf: nothing may read them."""
    tables = jnp.asarray(tables, jnp.float32).at[..., blank].set(jnp.inf)

    def step(state, labels):
        row, count = state
        return tables[row, count, labels], (row, count + 1)

    rows_and_counts = jnp.arange(len(tables)), jnp.zeros(len(tables), jnp.int32)
    return CTCPrior(step, rows_and_counts, start=START)


def score(table, prefix, label):
    return table[len(prefix), prefix[-1] if prefix else START, label]


def scored(labellings, table):
    """The same labellings, ranked with what the model says of their labels."""
    return ranked(
        {
            labels: log_prob + sum(score(table, labels[:n], labels[n]) for n in range(len(labels)))
            for labels, log_prob in labellings
        }
    )


@partial(jax.jit, static_argnames=("beam", "blank"))
def search(logits, lengths, tables, *, beam, blank):
    prior = prior_of(tables, blank)
    return ctc_beam_search(logits, lengths, beam=beam, blank=blank, prior=prior)


def assert_row(found, row, expected, blank):
    labels, lengths, log_probs = (part[row] for part in found)
    for rank, (prefix, log_prob) in enumerate(expected[: len(labels)]):
        assert labels[rank].tolist() == padded(prefix, labels.shape[1], blank)
        assert lengths[rank] == len(prefix)
        np.testing.assert_allclose(log_probs[rank], log_prob, **FLOAT32)
    assert (log_probs[len(expected) :] == -np.inf).all()


@pytest.mark.parametrize("blank", [0, 2])
def test_a_wide_beam_scores_every_labelling(blank):
    logits, lengths = rows(0, steps=5, classes=CLASSES)
    tables = model(0, len(logits), 5)
    found = host(search(logits, lengths, tables, beam=70, blank=blank))
    for row, length in enumerate(lengths):
        expected = scored(every_labelling(logits[row, :length], blank), tables[row])
        assert_row(found, row, expected, blank)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beam", [1, 2, 5])
def test_a_narrow_beam_prunes_as_a_dictionary_does(beam, seed):
    logits, lengths = rows(seed, steps=12, classes=CLASSES, scale=1.0)
    tables = model(seed, len(logits), 12)
    found = host(search(logits, lengths, tables, beam=beam, blank=1))
    for row, length in enumerate(lengths):
        prior = partial(score, tables[row])
        expected = prefix_beam_search(logits[row, :length], 1, beam, prior)
        assert_row(found, row, expected, 1)


def test_a_prior_that_says_nothing_changes_nothing():
    logits, lengths = rows(1, steps=9, classes=6, scale=1.0)
    silent = CTCPrior(lambda state, labels: (jnp.zeros((len(labels), 6)), state), (), start=0)
    found = ctc_beam_search(logits, lengths, beam=4, prior=silent)
    plain = ctc_beam_search(logits, lengths, beam=4)
    for f, p in zip(found, plain, strict=True):
        np.testing.assert_allclose(f, p, **FLOAT32)


def test_a_label_that_the_prior_forbids_is_never_read():
    """NaN counts as -inf."""
    logits, lengths = rows(2, steps=9, classes=CLASSES, lengths=[9] * 5)
    tables = model(2, 5, 9)
    tables[:3, :, :, 2] = -np.inf
    tables[3:, :, :, 2] = np.nan
    labels, _, log_probs = host(search(logits, lengths, tables, beam=6, blank=0))
    assert (labels[log_probs > -np.inf] != 2).all()
    assert (log_probs[:, 0] > -np.inf).all()


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (lambda state, labels: None, r"CTCPrior\(step, state, start\)"),
        (CTCPrior(None, jnp.zeros((3, 1)), 0), "the batch of 2 as its first axis"),
        (CTCPrior(None, jnp.float32(0), 0), "the batch of 2 as its first axis"),
        (
            CTCPrior(lambda state, labels: (jnp.zeros((2, 4)), state), jnp.zeros(2), 0),
            r"log_probs \[6, 4\]",
        ),
    ],
    ids=["no prior", "another batch", "no batch", "scores of another shape"],
)
def test_a_prior_that_does_not_fit_is_refused(prior, message):
    with pytest.raises(ValueError, match=message):
        ctc_beam_search(jnp.zeros((2, 5, 4)), [5, 5], beam=3, prior=prior)
