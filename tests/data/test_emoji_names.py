"""Emoji taken apart into base, tone and gender."""

from collections import Counter, defaultdict

import pytest

from nnarch.data.emoji.names import TONES, all_names, key_of, take_apart

KNOWN = {
    "👩🏽‍🚒": ("woman firefighter medium skin tone", "firefighter", "medium", "woman"),
    "🧑‍🚒": ("firefighter", "firefighter", "none", "person"),
    "🧔🏿‍♂️": ("man dark skin tone beard", "person beard", "dark", "man"),
    "🧜🏻‍♀️": ("mermaid light skin tone", "merperson", "light", "woman"),
    "👸": ("princess", "person with crown", "none", "woman"),
    "🎅🏾": ("santa claus medium-dark skin tone", "mx claus", "medium-dark", "man"),
    "👧": ("girl", "child", "none", "girl"),
    "👋🏼": ("waving hand medium-light skin tone", "waving hand", "medium-light", "none"),
    "👫🏽": (
        "woman and man holding hands medium skin tone",
        "people holding hands",
        "medium",
        "woman man",
    ),
    "👩🏻‍❤️‍👩🏿": (
        "couple with heart woman woman light skin tone dark skin tone",
        "couple with heart",
        "light, dark",
        "woman",
    ),
    "🏃🏽‍♂️‍➡️": (
        "man running facing right medium skin tone",
        "person running facing right",
        "medium",
        "man",
    ),
    "🦉": ("owl", "owl", "none", "none"),
}


@pytest.mark.parametrize(("text", "expected"), KNOWN.items())
def test_known_emoji(text, expected):
    found = all_names()[key_of(text)]
    assert (found.name, found.base, found.tone, found.gender) == expected
    assert found.text == text


def test_no_two_emoji_have_the_same_parts():
    parts = Counter((name.base, name.tone, name.gender) for name in all_names().values())
    assert max(parts.values()) == 1
    assert len(parts) == len(all_names()) > 3_900


def test_names_differ_and_are_lower_cased_words():
    names = [name.name for name in all_names().values()]
    assert len(set(names)) == len(names)
    assert all(name == " ".join(name.lower().split()) for name in names)
    assert not any("_" in name or ":" in name for name in names)


def test_tones_in_names_are_those_of_the_code_points():
    for name in all_names().values():
        said = [tone for tone in TONES.values() if f" {tone} skin tone" in f" {name.name}"]
        assert set(said) == set(name.tone.split(", ")) - {"none"}


def test_a_base_is_named_after_one_of_its_own():
    members = defaultdict(set)
    for name in all_names().values():
        members[name.base].add(name.name)
    assert all(base in names for base, names in members.items())


def test_directions_are_of_one_concept():
    names = all_names()
    running, to_the_right = (names[key_of(text)] for text in ("🏃", "🏃‍➡️"))
    assert running.concept == to_the_right.concept
    assert running.base != to_the_right.base


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("🇫🇷", "flag"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "flag"),
        ("👨‍👩‍👧", "family"),
        ("👪", "family"),
        ("🧑‍🧒", "family"),
        ("🏳️‍🌈", "other"),
        ("🧑", "other"),
    ],
)
def test_kinds(text, kind):
    assert all_names()[key_of(text)].kind == kind


def test_what_is_no_person_has_no_parts():
    assert take_apart(key_of("🦉")) == ("1f989", "none", "none")
