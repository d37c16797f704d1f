"""BLEU: the paper's own example, and that sacrebleu is asked as we mean it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import FLOAT64

from nnarch.metrics.bleu import bleu

WORDS = st.lists(st.sampled_from("abcdefg"), min_size=4, max_size=9).map(" ".join)


def test_the_papers_first_example():
    """Papineni et al. 2002, section 2.1: candidate 1 shares 17 of its 18 words, 10 of 17 pairs."""
    candidate = (
        "It is a guide to action which ensures that the military always obeys the commands of the "
        "party"
    )
    references = [
        "It is a guide to action that ensures that the military will forever heed Party commands",
        "It is the guiding principle which guarantees the military forces always being under the "
        "command of the Party",
        "It is the practical guide for the army always to heed the directions of the party",
    ]
    scores = bleu([candidate], [references])
    np.testing.assert_allclose(scores.bleu1, 100 * 17 / 18, **FLOAT64)
    np.testing.assert_allclose(scores.bleu2, 100 * math.sqrt(17 / 18 * 10 / 17), **FLOAT64)


def test_a_short_candidate_pays_the_brevity_penalty():
    scores = bleu(["a b c d"], [["a b c d e f g h"]], tokenize="none")
    np.testing.assert_allclose(scores.bleu4, 100 * math.exp(1 - 8 / 4), **FLOAT64)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_right_sentences_have_100(sentences):
    scores = bleu(sentences, [["q r s t", sentence] for sentence in sentences], tokenize="none")
    np.testing.assert_allclose(scores[:4], (100,) * 4, **FLOAT64)


def test_sentences_may_have_different_numbers_of_references():
    assert bleu(["a b c d", "e f g h"], [["a b c d"], ["x", "e f g h"]]).bleu4 == pytest.approx(100)


def test_the_signature_tells_how_it_was_counted():
    assert "tok:13a" in bleu(["a"], [["a"]]).signature
    assert "tok:none" in bleu(["a"], [["a"]], tokenize="none").signature
    assert "version:" in bleu(["a"], [["a"]]).signature


@pytest.mark.parametrize(("candidates", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_what_does_not_fit_is_refused(candidates, references):
    with pytest.raises(ValueError, match="Give each its own"):
        bleu(candidates, references)
