"""BLEU and chrF of translations, of all and of parts; the translation memory."""

import numpy as np
import pytest

from nnarch.metrics import translation_memory
from nnarch.metrics.bleu import bleu
from nnarch.metrics.translation_memory import nearest_sentences
from nnarch.metrics.translations import bleu_by, sentence_chrf, translation_scores

TRUE = ["the cat sat on the mat", "a dog ran over the hill", "we went to the sea today", "so it is"]
TOLD = ["the cat sat on the mat", "a dog ran over a hill", "we went to sea today", "it was so then"]


def test_scores_are_those_that_are_known():
    scores = translation_scores(TOLD, TRUE)
    assert scores.bleu == pytest.approx(bleu(TOLD, [[each] for each in TRUE]).bleu4)
    assert translation_scores(TRUE, TRUE)[:2] == pytest.approx((100, 100))
    assert translation_scores(["x"], ["a longer one"]).chrf == 0
    assert "tok:13a" in scores.signatures[0]
    assert "nc:6|nw:0" in scores.signatures[1]


def test_parts_are_scored_apart():
    words = np.array([len(text.split()) for text in TRUE])
    found = bleu_by(TOLD, TRUE, words, (0, 4, 6, 7))
    assert [*found] == [0, 6]
    assert found[0] == pytest.approx(translation_scores(TOLD[3:], TRUE[3:]).bleu)
    assert found[6] == pytest.approx(translation_scores(TOLD[:3], TRUE[:3]).bleu)


def test_single_sentences_are_ranked_by_chrf():
    scores = sentence_chrf(TOLD, TRUE)
    assert scores[0] == pytest.approx(100)
    assert scores.argmin() == 3


@pytest.mark.parametrize("told", [[], TOLD[:2]])
def test_what_does_not_fit_is_refused(told):
    with pytest.raises(ValueError, match="one reference for each"):
        translation_scores(told, TRUE)
    with pytest.raises(ValueError, match="one reference for each"):
        bleu_by(told, told, np.zeros(4), (0,))


def test_the_memory_finds_what_is_nearest(monkeypatch):
    monkeypatch.setattr(translation_memory, "_BLOCK", 2)
    asked = ["over the hill a dog ran", TRUE[2], "zebra"]
    found = nearest_sentences(asked, TRUE)
    np.testing.assert_array_equal(found.places, [1, 2, 0])
    assert 0 < found.cosines[0] < 1
    assert found.cosines[1] == pytest.approx(1)
    assert found.cosines[2] == 0
    with pytest.raises(ValueError, match="got none"):
        nearest_sentences(asked, [])
    assert len(nearest_sentences([], TRUE).places) == 0
