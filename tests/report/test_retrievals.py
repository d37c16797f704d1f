"""Queries and what they found, on the page and as pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from nnarch.report import Found, Retrieval, retrieval_lines_section, retrievals_section

WHITE = np.full((4, 4, 3), 255, np.uint8)


def retrievals(count):
    """Queries of falling score; the first answer to each is right."""
    return [
        Retrieval(f"query {n}", [Found("<b>", True, WHITE), Found("no", False, WHITE, "note")], -n)
        for n in range(count)
    ]


def test_the_best_some_between_and_the_worst():
    section = retrievals_section("Found", retrievals(9), each=2, note="what it is")
    best, typical, worst = section.body.split("<h3>")[1:]
    assert ("query 0" in best, "query 1" in best, "query 2" in best) == (True, True, False)
    assert ("query 2" in typical, "query 6" in typical) == (True, True)
    assert ("query 8" in worst, "query 6" in worst) == (True, False)
    assert section.body.count("✓") == section.body.count("✗") == 6
    assert sorted(section.files) == ["found-good.png", "found-typical.png", "found-worst.png"]


def test_what_is_plain_text_stays_text():
    section = retrievals_section("Found", retrievals(1))
    assert "<b>" not in section.body
    assert "&lt;b&gt;" in section.body


def test_answers_without_pictures_are_a_list():
    asked = Retrieval("", [Found("one", False), Found("two", True)], 0.0, WHITE)
    section = retrieval_lines_section("Names", [asked])
    assert section.body.count("<li") == 2
    assert section.body.index("one") < section.body.index("two")
    with Image.open(io.BytesIO(section.files["names.png"])) as drawn:
        assert drawn.width > 2 * drawn.height


@pytest.mark.parametrize("make", [retrievals_section, retrieval_lines_section])
def test_no_queries_are_said_to_be_none(make):
    section = make("Found", [])
    assert "no queries" in section.body
    assert not section.files
