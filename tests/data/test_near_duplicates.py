"""Texts that are nearly others, against Dice's coefficient from its definition."""

import re

import numpy as np
import pytest

from nnarch.data import near_duplicates
from nnarch.data.near_duplicates import near


def dice(first, second):
    first, second = (set(re.findall(r"\w+", text.lower())) for text in (first, second))
    return 2 * len(first & second) / (len(first) + len(second)) if first | second else 0


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.85])
def test_agrees_with_the_definition_however_many_are_compared_at_once(threshold, monkeypatch):
    monkeypatch.setattr(near_duplicates, "_BLOCK", 3)
    rng = np.random.default_rng(0)
    texts, held = (
        [" ".join(rng.choice([*"abcdefg"], rng.integers(0, 8))) for _ in range(40)]
        for _ in range(2)
    )
    expected = [any(dice(text, other) >= threshold for other in held[:7]) for text in texts]
    assert 0 < sum(expected) < 40
    np.testing.assert_array_equal(near(texts, held[:7], dice=threshold), expected)


def test_case_order_signs_and_repetitions_do_not_count():
    assert near(["the LORD said: go, go", "the lord"], ['"Go," said the Lord.']).tolist() == [
        True,
        False,
    ]


def test_a_text_without_words_is_near_to_none():
    assert near(["", "..."], ["", "..."]).tolist() == [False, False]
    assert near(["a"], []).tolist() == [False]
    assert near([], ["a"]).tolist() == []
