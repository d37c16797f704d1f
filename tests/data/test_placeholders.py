"""Placeholders become symbols and come back."""

import pytest

from nnarch.data.placeholders import MOST, SYMBOLS, count, mask, matched, restore
from nnarch.data.typography import plain


@pytest.mark.parametrize(
    ("text", "masked", "placeholders"),
    [
        ("Hello %(name)s!", "Hello <0>!", ("%(name)s",)),
        ("%s of %d, %1$s, %.2f", "<0> of <1>, <2>, <3>", ("%s", "%d", "%1$s", "%.2f")),
        ("{} and {order.code} and {}", "<0> and <1> and <0>", ("{}", "{order.code}")),
        ("<b>Bold</b>&nbsp;here", "<0>Bold<1><2>here", ("<b>", "</b>", "&nbsp;")),
        ('See <a href="%(url)s">it</a>', "See <0>it<1>", ('<a href="%(url)s">', "</a>")),
        ("At https://a.org/x?y=1 now", "At <0> now", ("https://a.org/x?y=1",)),
        ("50%% or <3>", "50<0> or <1>", ("%%", "<3>")),
        ("{{ user }} has {n}", "<0> has <1>", ("{{ user }}", "{n}")),
    ],
)
def test_placeholders_become_symbols_and_come_back(text, masked, placeholders):
    assert mask(text) == (masked, "", placeholders)
    assert restore(masked, placeholders) == text


@pytest.mark.parametrize(
    "text", ["<your name>", "100% sure", "50% discount", "a < b > c", "{not one}", "100 %", ""]
)
def test_what_is_none_stays(text):
    assert mask(text)[0] == text


def test_both_sides_have_the_same_numbers_whatever_their_order():
    masked = mask("%(a)s before %(b)s", "%(b)s après %(a)s")
    assert masked == ("<0> before <1>", "<1> après <0>", ("%(a)s", "%(b)s"))
    assert mask("one", "un %s")[1] == "un %s"


def test_a_symbol_that_stands_for_nothing_stays():
    assert restore("<0> <7>", ("%s",)) == "%s <7>"


def test_matched_counts_each_placeholder():
    assert matched("%s and %s", "%s et %s")
    assert not matched("%s and %s", "%s")
    assert not matched("%(a)s", "%(b)s")
    assert count("%s and %s and %d") == 2


def test_more_than_there_are_symbols_for_are_refused():
    text = " ".join(f"{{p{number}}}" for number in range(MOST + 1))
    assert mask(text.rpartition(" ")[0])[0] == " ".join(SYMBOLS)
    with pytest.raises(ValueError, match="Shorten the text"):
        mask(text)


def test_typography_is_one():
    written = "  L’«\u00a0amour\u202f» :\n“e\u0301te\u0301”… `x` "
    assert plain(written) == "L'« amour » : \"été\"... 'x'"
