"""Characters as numbers and back, and what an alphabet does not hold."""

import json

import numpy as np
import pytest

from nnarch.data.alphabet import START, Alphabet


def test_there_and_back():
    alphabet = Alphabet.of(["banana\n", "", "\t(cab)"])
    assert alphabet.characters == "\t\n()abcn"
    assert len(alphabet) == 9
    numbers = alphabet.encode("\tcab")
    assert (numbers.dtype, numbers.tolist()) == (np.int32, [1, 7, 5, 6])
    assert alphabet.decode([START, *numbers]) == "\tcab"
    assert alphabet.encode("").shape == (0,)


@pytest.mark.parametrize("text", ["abd", "b\U0001f600", "\x00a", "\ud800"])
def test_what_it_does_not_hold_is_named(text):
    with pytest.raises(ValueError, match="expected characters that training held") as error:
        Alphabet.of(["abc"]).encode(text)
    assert ascii(text[-1] if text[0] in "ab" else text[0])[1:-1] in str(error.value)


def test_json_says_what_it_is_of():
    kept = json.loads(Alphabet("ab").to_json(text="python-3.11"))
    assert kept == {"characters": "ab", "text": "python-3.11"}
