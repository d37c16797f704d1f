"""Words as numbers and back, and files that are no vocabulary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnarch.data.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary

WORD = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=4)
CAPTIONS = st.lists(st.lists(WORD, max_size=5), max_size=6)


@given(CAPTIONS)
def test_what_is_encoded_decodes_to_itself(captions):
    vocabulary = Vocabulary.of(captions)
    for caption in captions:
        tokens = vocabulary.encode(caption)
        assert len(tokens) == len(caption) + 1
        assert tokens[-1] == END
        assert vocabulary.decode(tokens) == tuple(caption)
        assert vocabulary.decode([START, *tokens, PAD, PAD, 4]) == tuple(caption)


@given(CAPTIONS)
def test_a_file_gives_the_same_vocabulary(tmp_path_factory, captions):
    path = tmp_path_factory.mktemp("run") / "vocabulary.json"
    vocabulary = Vocabulary.of(captions)
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


def test_numbers_go_by_frequency_then_alphabet():
    vocabulary = Vocabulary.of([["b", "a", "c"], ["c"], ["c", "b"], ["a"]])
    assert vocabulary.words == (*SPECIAL, "c", "a", "b")
    assert len(vocabulary) == 7


def test_rare_and_strange_words_are_unknown():
    vocabulary = Vocabulary.of([["cat", "cat", "dog"]], at_least=2)
    assert vocabulary.encode(["cat", "dog", "emu"]).tolist() == [4, UNKNOWN, UNKNOWN, END]
    assert vocabulary.decode([4, UNKNOWN]) == ("cat", "<unknown>")


@pytest.mark.parametrize("content", [None, "", "[]", '{"words": 3}', '{"words": ["a", "a"]}'])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, content):
    path = tmp_path / "vocabulary.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="name the run's folder, or train again"):
        Vocabulary.load(path)


def test_special_words_must_stand_first():
    with pytest.raises(ValueError, match=r"Make one with Vocabulary\.of"):
        Vocabulary(("cat",))
