"""Scripts in words, and words as what is told to happen: "the three moves left then the seven
falls".
"""

import re
from collections.abc import Sequence

from nnarch.data.moving_digits.scripts import Script, pattern
from nnarch.data.moving_digits.stage import VERBS

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Event = tuple[tuple[str, ...], str]  # names, and what they do

# Every word that a sentence may hold.
WORDS = ("the", "and", "then", *DIGITS, *dict.fromkeys(" ".join(VERBS).split()))
LONGEST = 18  # words of a sentence: two swaps and what stands between them
_EVENT = re.compile(
    rf"the ({'|'.join(DIGITS)})(?: and the ({'|'.join(DIGITS)}))? ({'|'.join(VERBS)})"
)


def events_of(script: Script) -> list[Event]:
    """What happens, in order; of two that swap the smaller is named first."""
    found = []
    for action in script.actions:
        if action.verb == "swap":
            names = tuple(DIGITS[digit] for digit in sorted(script.digits))
        else:
            names = (DIGITS[script.digits[action.who]],)
        found.append((names, action.verb))
    return found


def sentence(events: Sequence[Event]) -> tuple[str, ...]:
    """The words that tell events."""
    told = (f"the {' and the '.join(names)} {verb}" for names, verb in events)
    return tuple(" then ".join(told).split())


def parse(text: str) -> list[Event] | None:
    """The events that a sentence tells; None if it is no such sentence."""
    found = []
    for part in text.split(" then "):
        match = _EVENT.fullmatch(part)
        if match is None:
            return None
        *names, verb = match.groups()
        found.append((tuple(name for name in names if name), verb))
    return found


def told_pattern(events: Sequence[Event]) -> tuple[tuple[str, int], ...]:
    """Verbs in order with who does each, whatever the digits are called."""
    return pattern([names for names, _ in events], [verb for _, verb in events])
