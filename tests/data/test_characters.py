"""Characters as classes and back, and how much room CTC needs for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnarch.data.characters import BLANK, CHARACTERS, CLASSES, decode, encode, frames_needed

TEXT = st.text(CHARACTERS, max_size=12)


@given(TEXT)
def test_what_is_encoded_decodes_to_itself(text):
    labels = encode(text)
    assert labels.dtype == np.int32
    assert len(labels) == len(text)
    assert not (labels == BLANK).any()
    assert decode([*labels, BLANK, BLANK]) == text


def test_every_class_but_the_blank_is_a_character():
    assert sorted(encode(CHARACTERS)) == list(range(1, CLASSES))


@pytest.mark.parametrize("text", ["Cat", "cat.", "7", "é", "a-b", "a\n"])
def test_what_has_no_class_is_refused(text):
    with pytest.raises(ValueError, match="Write it in lower case, numbers in words"):
        encode(text)


@pytest.mark.parametrize(
    ("text", "frames"), [("", 0), ("a", 1), ("aa", 3), ("three", 6), ("aaa", 5), ("e e", 3)]
)
def test_a_blank_stands_between_two_alike(text, frames):
    assert frames_needed(text) == frames
