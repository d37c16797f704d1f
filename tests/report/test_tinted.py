"""Texts tinted by what moved their rating, and told values against true ones."""

import numpy as np
import pytest

from nnarch.report import TintedText, scatter_section, tinted_section


def test_words_are_tinted_by_their_effect_and_escaped():
    text = TintedText(("<b>", "awful", "tea"), (0.7, -3.0, 0.01), told=-1.25, true=-2.0)
    section = tinted_section("Words", {"good": [text], "mine": []})
    assert "&lt;b&gt;" in section.body
    assert "<b>-1.2</b> true -2.0" in section.body
    assert "var(--right) 42%" in section.body
    assert "var(--wrong) 60%" in section.body
    assert "<span>tea</span>" in section.body
    assert "The best" in section.body
    assert "mine" in section.body


def test_no_texts_are_told():
    assert "no examples" in tinted_section("Words", {"good": []}).body


def test_a_scatter_is_a_picture_and_wants_pairs():
    section = scatter_section(
        "Told and true", np.arange(3.0), np.ones(3), across="true", upward="told", note="Dots."
    )
    assert section.files["told-and-true.png"].startswith(b"\x89PNG")
    assert "Dots." in section.body
    with pytest.raises(ValueError, match="one true and one told"):
        scatter_section("Bad", np.arange(3.0), np.ones(2), across="", upward="")
