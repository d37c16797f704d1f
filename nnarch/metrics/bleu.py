"""BLEU of whole sets of sentences, by sacrebleu.

Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation";
Post 2018, "A call for clarity in reporting BLEU scores", on why the signature is printed.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sacrebleu.metrics import BLEU


class Bleu(NamedTuple):
    """BLEU with n-grams up to 1, 2, 3 and 4 words, from 0 to 100, and how it was counted."""

    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    signature: str  # of bleu4; the others differ in the longest n-gram alone


def bleu(
    candidates: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenize: Literal["13a", "none"] = "13a",
) -> Bleu:
    """BLEU-1 to BLEU-4 over all candidates together.

    Args:
      candidates: N sentences.
      references: one or more right sentences for each of them; not all need have as many.
      tokenize: "13a", which papers compare on, or "none" for words that are split by spaces.

    Raises:
      ValueError: there are no candidates, or not as many lists of references.
    """
    if not candidates or len(candidates) != len(references) or not all(references):
        raise ValueError(
            f"bleu expects candidates with a list of one or more references each; got "
            f"{len(candidates)} candidates and {len(references)} lists, "
            f"{sum(not listed for listed in references)} of them empty. Give each its own."
        )
    most = max(map(len, references))
    streams = [
        [listed[i] if i < len(listed) else None for listed in references] for i in range(most)
    ]
    scorers = [BLEU(max_ngram_order=order, tokenize=tokenize) for order in range(1, 5)]
    scores = [scorer.corpus_score(candidates, streams).score for scorer in scorers]
    return Bleu(*scores, signature=str(scorers[-1].get_signature()))
