"""What holds after each character of a text, and which cell follows it."""

import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.metrics.text_properties import NAMES, OF_PROSE, correlations, followers, text_properties


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("open brackets", "f(a[0])}", "01122100"),
        ("open brackets", "'(' ( # (", "000011111"),
        ("inside quotes", "a'b'c", "01100"),
        ("inside quotes", "'it\\'s' 1", "111111000"),
        ("inside quotes", '"\'"x', "1100"),
        ("inside quotes", "'no\nend", "1110000"),
        ("inside quotes", '"""a"b""" "" c', "00111111001000"),
        ("inside a comment", "a # b'\nc", "00111100"),
        ("inside a comment", "'#' #", "00001"),
        ("indentation", "  a b\n c", "12222011"),
        ("place in the line", "ab\nc", "1201"),
        ("place in the word", "a_b (c", "123001"),
        ("place in the clause", "ab, c", "12012"),
    ],
)
def test_properties(name, text, expected):
    found = text_properties(text)
    assert [*found] == [*NAMES]
    assert "".join(f"{int(value)}" for value in found[name]) == expected


def test_those_of_prose_are_among_them():
    assert set(OF_PROSE) < set(NAMES)


def test_the_cell_that_follows_is_found_whatever_its_sign():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(200, 5)).astype(np.float32)
    values = -2 * cells[:, 3] + 0.1 * rng.normal(size=200) + 7
    found = followers(cells, {"it": values, "still": np.ones(200)})
    assert [*found] == ["it"]
    assert found["it"].cell == 3
    expected = np.corrcoef(cells[:, 3], values)[0, 1]
    np.testing.assert_allclose(found["it"].correlation, expected, **FLOAT32)
    cells[:, 0] = 4
    assert correlations(cells, values)[0] == 0
