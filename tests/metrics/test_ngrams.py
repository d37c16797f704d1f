"""N-gram models against slow ones, written from the equations with dictionaries."""

from collections import Counter

import numpy as np
import pytest
from tolerances import FLOAT64

from nnarch.metrics.ngrams import NGrams, _discounts

CHARACTERS, ORDER = 4, 3


def documents(seed, lengths=(40, 25, 1)):
    rng = np.random.default_rng(seed)
    return [np.cumsum(rng.choice([1, 2], length)) % CHARACTERS + 1 for length in lengths]


def grams_of(document, order):
    padded = [0] * (order - 1) + [*map(int, document)]
    return [tuple(padded[place : place + order]) for place in range(len(document))]


def counted(train, order, *, contexts, top):
    """How often each n-gram stands, or before how many different ones a character stands."""
    grams = [gram for document in train for gram in grams_of(document, top)]
    if not contexts:
        return Counter(gram[-order:] for gram in grams)
    return Counter(gram[1:] for gram in {gram[-order - 1 :] for gram in grams})


def oracle(train, smoothing, gram, order, *, top, highest=True):
    """p of a gram's last character after the others."""
    if order == 0:
        return 1 / CHARACTERS
    contexts = smoothing == "Kneser-Ney" and not highest
    counts = counted(train, order, contexts=contexts, top=top)
    gram = gram[-order:]
    below = oracle(train, smoothing, gram, order - 1, top=top, highest=False)
    after = {other: n for other, n in counts.items() if other[:-1] == gram[:-1]}
    if not after:
        return below
    total = sum(after.values())
    if smoothing == "Witten-Bell":
        return (counts[gram] + len(after) * below) / (total + len(after))
    discounts = _discounts(np.array([*counts.values()]))
    taken = sum(discounts[min(n, 3)] for n in after.values())
    own = counts[gram] - discounts[min(counts[gram], 3)]
    return (own + taken * below) / total


@pytest.mark.parametrize("smoothing", ["Kneser-Ney", "Witten-Bell"])
def test_agrees_with_the_equations(smoothing):
    train, test = documents(0), documents(1, (12, 9, 0))
    model = NGrams(train, characters=CHARACTERS, order=ORDER, smoothing=smoothing)
    expected = [
        np.mean(
            [
                -np.log2(oracle(train, smoothing, gram, order, top=ORDER))
                for document in test
                for gram in grams_of(document, ORDER)
            ]
        )
        for order in range(1, ORDER + 1)
    ]
    np.testing.assert_allclose(model.bits(test), expected, **FLOAT64)
    assert model.bits(test)[1] < model.bits(test)[0] - 0.3


@pytest.mark.parametrize("smoothing", ["Kneser-Ney", "Witten-Bell"])
def test_what_may_come_next_adds_up_to_one(smoothing):
    model = NGrams(documents(0), characters=CHARACTERS, order=ORDER, smoothing=smoothing)
    for context in ([1, 2], [3, 3], [4]):
        following = [np.array([*context, last]) for last in range(1, CHARACTERS + 1)]
        each = np.array([3 * model.bits([one])[-1] for one in following])
        before = len(context) * model.bits([np.array(context)])[-1]
        last = each - before if len(context) == 2 else 2 * each / 3 - before
        np.testing.assert_allclose((2**-last).sum(), 1, **FLOAT64)


def test_discounts_are_those_of_chen_and_goodman():
    counts = np.repeat([1, 2, 3, 4, 9], [20, 8, 4, 2, 5])
    share = 20 / (20 + 2 * 8)
    expected = [0, 1 - 2 * share * 8 / 20, 2 - 3 * share * 4 / 8, 3 - 4 * share * 2 / 4]
    np.testing.assert_allclose(_discounts(counts), expected, **FLOAT64)
    np.testing.assert_allclose(_discounts(np.array([7, 9])), [0, 0.5, 1, 1.5])


@pytest.mark.parametrize(("text", "order"), [([], 2), ([np.array([1])], 0), ([np.array([1])], 60)])
def test_what_cannot_be_counted_is_refused(text, order):
    with pytest.raises(ValueError, match="expected text and an order"):
        NGrams(text, characters=CHARACTERS, order=order)
