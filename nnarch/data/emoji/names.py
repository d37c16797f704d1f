"""The emoji and their names, each taken apart into base, skin tone and gender.

The parts are read from the code points, not from the names: U+1F469 (woman) + U+1F3FD (medium skin
tone) + ZWJ + U+1F692 (fire engine) is the base "firefighter", the tone "medium", the gender
"woman". Code points are written here as hexadecimal, joined by hyphens, without the variation
selector FE0F, which some fonts leave out.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import emoji

NO_TONE, NO_GENDER, NEUTRAL = "none", "none", "person"

TONES = {
    "1f3fb": "light",
    "1f3fc": "medium-light",
    "1f3fd": "medium",
    "1f3fe": "medium-dark",
    "1f3ff": "dark",
}
# A sequence with a gender, and the same without one.
_GENDERED = {
    "1f468": ("man", "1f9d1"),
    "1f469": ("woman", "1f9d1"),
    "1f466": ("boy", "1f9d2"),
    "1f467": ("girl", "1f9d2"),
    "1f474": ("man", "1f9d3"),  # old man
    "1f475": ("woman", "1f9d3"),
    "1f934": ("man", "1fac5"),  # prince
    "1f478": ("woman", "1fac5"),
    "1f57a": ("man", "1f483"),  # man dancing; the woman has no neutral partner
    "1f483": ("woman", "1f483"),
    "1f385": ("man", "1f9d1-200d-1f384"),  # Santa Claus
    "1f936": ("woman", "1f9d1-200d-1f384"),
    "1fac3": ("man", "1fac4"),  # pregnant man
    "1f930": ("woman", "1fac4"),
    "2642": ("man", ""),
    "2640": ("woman", ""),
}
# What Unicode writes in two ways, and the one that is used here.
_SAME = {
    "1f46d": "1f469-200d-1f91d-200d-1f469",  # women holding hands
    "1f46c": "1f468-200d-1f91d-200d-1f468",
    "1f46b": "1f469-200d-1f91d-200d-1f468",
    "1f48f": "1f9d1-200d-2764-200d-1f48b-200d-1f9d1",  # kiss
    "1f491": "1f9d1-200d-2764-200d-1f9d1",  # couple with heart
    "1faf1-200d-1faf2": "1f91d",  # handshake
    "1f9d1-200d-1f430-200d-1f9d1": "1f46f",  # people with bunny ears
    "1f9d1-200d-1faef-200d-1f9d1": "1f93c",  # people wrestling
}
_FACING_RIGHT = "-200d-27a1"
_REGIONAL_INDICATORS = {f"{code:x}" for code in range(0x1F1E6, 0x1F200)}
_FAMILY, _FAMILY_MEMBERS = "1f46a", {"1f9d1", "1f9d2"}


@dataclass(frozen=True)
class Name:
    """One emoji: its text, its name, and its parts.

    Attributes:
      code_points: its key, see the head of this file.
      text: the characters themselves, fully qualified.
      name: in English, lower-cased words.
      base: the name of what is shown, whatever the tone and gender.
      tone: "none", one of TONES, or two of them ("dark, light") for two people.
      gender: "none", "man", "woman girl", ...; "person" where the base comes with one too.
      concept: the code points of the base without direction.
      kind: "flag", "family" (one silhouette for many names) or "other".
    """

    code_points: str
    text: str
    name: str
    base: str
    tone: str
    gender: str
    concept: str
    kind: str


@cache
def all_names() -> dict[str, Name]:
    """Every fully qualified emoji, by its code points."""
    texts = [text for text, about in emoji.EMOJI_DATA.items() if about["status"] == 2]
    parts = {text: take_apart(key_of(text)) for text in texts}
    members = defaultdict(list)
    for text, (base, tone, gender) in parts.items():
        members[base].append((tone != NO_TONE, gender != NO_GENDER, len(_name(text)), text))
    plainest = {base: min(rows)[-1] for base, rows in members.items()}
    has_gender = {base for base, rows in members.items() if any(row[1] for row in rows)}
    names = {}
    for text, (base, tone, gender) in parts.items():
        if gender == NO_GENDER and base in has_gender:
            gender = NEUTRAL
        concept, kind = base.removesuffix(_FACING_RIGHT), _kind(base)
        key, base_name = key_of(text), _name(plainest[base])
        names[key] = Name(key, text, _name(text), base_name, tone, gender, concept, kind)
    return names


def key_of(text: str) -> str:
    """The code points of an emoji's characters."""
    return "-".join(f"{ord(character):x}" for character in text if character != "\ufe0f")


def take_apart(code_points: str) -> tuple[str, str, str]:
    """The code points of the base, the tone, the gender ("none" where nothing says one)."""
    codes = code_points.split("-")
    tone = ", ".join(_once(TONES[code] for code in codes if code in TONES))
    plain = "-".join(code for code in codes if code not in TONES)
    codes = _SAME.get(plain, plain).split("-")
    gender = " ".join(_once(_GENDERED[code][0] for code in codes if code in _GENDERED))
    neutral = "-".join(_GENDERED[code][1] if code in _GENDERED else code for code in codes)
    base = neutral.replace("-200d--", "-").removesuffix("-200d-").strip("-")
    return _SAME.get(base, base), tone or NO_TONE, gender or NO_GENDER


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _name(text: str) -> str:
    return emoji.EMOJI_DATA[text]["en"].strip(":").replace("_", " ").lower()


def _kind(base: str) -> str:
    codes = set(base.split("-"))
    if codes & _REGIONAL_INDICATORS or base.startswith("1f3f4-e0"):
        return "flag"
    family = base == _FAMILY or (
        codes <= _FAMILY_MEMBERS | {"200d"} and len(codes & _FAMILY_MEMBERS) == 2
    )
    return "family" if family else "other"
