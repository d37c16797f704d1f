"""Long lines are cut at sentences, else between words, and nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from nnarch.data.long_lines import cut_line


def words(text):
    return len(text.split())


@given(st.lists(st.text("ab.! ;", min_size=1, max_size=12), max_size=12), st.integers(1, 9))
def test_parts_fit_and_give_the_text_again(pieces, longest):
    text = " ".join(pieces)
    parts = cut_line(text, words, longest)
    assert " ".join(parts).split() == text.split()
    assert all(words(part) <= longest for part in parts)


def test_sentences_stay_whole_where_they_fit():
    assert cut_line("a b. c d! e f g h i. j", words, 4) == ["a b. c d!", "e f g h", "i. j"]
    assert cut_line("a b. c", words, 4) == ["a b. c"]


def test_a_word_that_is_too_long_is_cut_between_letters():
    assert cut_line("aaaaa bb", len, 3) == ["aaa", "aa", "bb"]


@given(st.text("ab漢 .", max_size=60), st.integers(1, 9))
def test_no_part_is_too_long(text, longest):
    parts = cut_line(text, len, longest)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(len(part) <= longest for part in parts)


def test_a_long_word_is_read_about_once():
    """What is read of 200,000 letters in a row does not grow with their square."""
    read = []

    def length(text):
        read.append(len(text))
        return len(text)

    parts = cut_line("x" * 200_000, length, 100)
    assert [len(part) for part in parts] == [100] * 2000
    assert sum(read) < 40 * 200_000
