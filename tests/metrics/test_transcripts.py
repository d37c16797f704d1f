"""Error rates against counts by hand."""

import pytest

from nnarch.metrics.transcripts import error_rates


def test_all_right_is_zero():
    assert error_rates(["a cat", "b"], ["a cat", "b"]) == (0, 0, 0)


def test_errors_are_counted_over_all_utterances_together():
    # 1 substitution and 1 deletion in 10 characters, 2 of 3 words, 2 of 2 sentences
    rates = error_rates(["one cap", "ab"], ["one cat", "abc"])
    assert rates.characters == pytest.approx(20)
    assert rates.words == pytest.approx(200 / 3)
    assert rates.sentences == 100


def test_spaces_are_counted_alike_in_all_three():
    assert error_rates([" turn  on "], ["turn on"]) == (0, 0, 0)
    assert error_rates(["turnon"], ["turn on"]).sentences == 100


def test_an_empty_transcript_is_all_deletions_and_insertions_may_exceed_100():
    assert error_rates([""], ["abc"]).characters == pytest.approx(100)
    assert error_rates(["abcdef"], ["a"]).characters == pytest.approx(500)


@pytest.mark.parametrize(
    ("transcripts", "texts"), [([], []), (["a"], ["a", "b"]), (["a"], [" "]), (["a"], [""])]
)
def test_what_cannot_be_counted_is_refused(transcripts, texts):
    with pytest.raises(ValueError, match="as many transcripts as texts"):
        error_rates(transcripts, texts)
