"""A picture that is drawn step by step, shown with the words that each step looked at."""

import numpy as np
import pytest

from nnarch import report


def drawn(*, steps=3, words=("one", "two"), places=2):
    canvases = np.linspace(0, 1, steps * 16).reshape(steps, 4, 4)
    return report.DrawnStepwise(words, canvases, np.full((steps, places), 0.5))


@pytest.mark.parametrize("places", [0, 1, 2, 5])
def test_each_picture_is_a_file_whether_words_were_looked_at_or_not(places):
    section = report.drawn_section("Step by step", [drawn(places=places), drawn(places=2)])
    assert [*section.files] == ["step-by-step-0.png", "step-by-step-1.png"]
    assert section.body.count("<img") >= 2
    assert "one two" in section.body


def test_nothing_drawn_is_said():
    assert "There are none." in report.drawn_section("Step by step", []).body
