"""BLEU and chrF of whole sets of translations, and BLEU of parts of them, by sacrebleu.

Sources: Papineni et al. 2002 (BLEU); Popović 2015 (chrF); Post 2018, "A call for clarity in
reporting BLEU scores", on why signatures are printed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF


class TranslationScores(NamedTuple):
    """From 0 to 100, and how they were counted."""

    bleu: float
    chrf: float
    signatures: tuple[str, str]  # sacrebleu's, of both


def translation_scores(candidates: Sequence[str], references: Sequence[str]) -> TranslationScores:
    """BLEU and chrF over all candidates together, one reference each.

    Raises:
      ValueError: there are no candidates, or not as many references.
    """
    _check(candidates, references)
    metrics = BLEU(), CHRF()
    scores = [metric.corpus_score([*candidates], [[*references]]).score for metric in metrics]
    return TranslationScores(*scores, tuple(str(metric.get_signature()) for metric in metrics))


def bleu_by(
    candidates: Sequence[str],
    references: Sequence[str],
    values: np.ndarray,
    bounds: Sequence[int],
) -> dict[int, float]:
    """BLEU of parts: bound -> that of the candidates of which a value is at or above it, and below
    the next bound; a part that has none is left out.

    Args:
      candidates, references: N each.
      values: [N], such as how many words each source has.
      bounds: ascending.

    Raises:
      ValueError: there are no candidates, or not as many of the others.
    """
    _check(candidates, references)
    _check(candidates, values)
    part_of = np.searchsorted(bounds, values, side="right") - 1
    scores = {}
    for part, bound in enumerate(bounds):
        rows = np.flatnonzero(part_of == part)
        if len(rows):
            told, true = ([texts[row] for row in rows] for texts in (candidates, references))
            scores[bound] = BLEU().corpus_score(told, [true]).score
    return scores


def sentence_chrf(candidates: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """float64 [N]: chrF of each sentence, by which the best and the worst are found."""
    metric = CHRF()
    pairs = zip(candidates, references, strict=True)
    return np.array([metric.sentence_score(told, [true]).score for told, true in pairs])


def _check(candidates: Sequence[str], others: Sequence) -> None:
    if not len(candidates) or len(candidates) != len(others):
        raise ValueError(
            f"expected one reference for each of 1 or more candidates; got {len(candidates)} "
            f"candidates and {len(others)} of the others. Give each its own."
        )
