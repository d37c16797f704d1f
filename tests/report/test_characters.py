"""Texts letter by letter: what is coloured, and that nothing in them breaks the page."""

import numpy as np

from nnarch.report import ColouredText, coloured_section, written_section


def test_neighbours_of_one_shade_are_together_and_line_ends_have_none():
    values = np.array([1, 1, 0.99, 1, -0.5, 0, np.nan])
    body = coloured_section("Cells", [ColouredText("it <b>", "ab<\n>cd", values)]).body
    assert "it &lt;b&gt;" in body
    assert ">ab&lt;</span><span>\n</span><span" in body
    assert body.count("var(--accent) 70%") == 1
    assert body.count("var(--wrong) 35%") == 1
    assert "<span>cd</span>" in body


def test_written_texts_are_escaped():
    body = written_section("Samples", {"temperature 0.7": "if a < b:\n    <script>"}, note="N").body
    assert "if a &lt; b:\n    &lt;script&gt;" in body
    assert "There are none" in coloured_section("Cells", []).body
