"""What is said: numbers in words, words and codes letter by letter, commands from a grammar.

All of it is written as it is spoken, in the letters a to z, the apostrophe and the space: "three
hundred and five", "b a n a n a" (the letters' names are said, the letters are written), "what's
the weather in paris".
"""

import re
from collections.abc import Callable
from string import Formatter, ascii_lowercase

import numpy as np

from nnarch.data.emoji.names import all_names

_TRIES = 100  # draws for each text that is wanted: a kind with too few texts is told, not waited on


def draw(kind: str, count: int, rng: np.random.Generator) -> list[str]:
    """`count` different texts of a kind.

    Raises:
      ValueError: there is no such kind, or it has not so many texts.
    """
    if kind not in KINDS:
        raise ValueError(f"expected a kind of text among {[*KINDS]}; got {kind!r}. Name one.")
    found: dict[str, None] = {}
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        found[KINDS[kind](rng)] = None
    else:
        if len(found) < count:
            raise ValueError(
                f"expected {count} texts of kind {kind!r}; it gave {len(found)}. Ask for fewer."
            )
    return list(found)


def _number(rng: np.random.Generator) -> str:
    return _one_of(rng, _cardinal, _year, _digits, _decimal)(rng)


def _one_of(rng: np.random.Generator, *choices):
    return choices[rng.integers(len(choices))]


_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """0 to 9,999, as it is said in Britain: 305 is "three hundred and five"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _join(_TENS[number // 10 - 2], "", number % 10)
    if number < 1000:
        return _join(f"{_ONES[number // 100]} hundred", "and ", number % 100)
    between = "and " if number % 1000 < 100 else ""
    return _join(f"{_ONES[number // 1000]} thousand", between, number % 1000)


def _join(head: str, between: str, rest: int) -> str:
    return f"{head} {between}{in_words(rest)}" if rest else head


def _cardinal(rng: np.random.Generator) -> str:
    """As many of each length in digits."""
    digits = int(rng.integers(1, 5))
    return in_words(int(rng.integers(10 ** (digits - 1), 10**digits)))


def _year(rng: np.random.Generator) -> str:
    century, year = int(rng.integers(11, 21)), int(rng.integers(100))
    rest = in_words(year) if year > 9 else f"oh {_ONES[year]}" if year else "hundred"
    return f"{in_words(century)} {rest}"


def _digits(rng: np.random.Generator) -> str:
    return " ".join(_ONES[digit] for digit in rng.integers(0, 10, rng.integers(3, 7)))


def _decimal(rng: np.random.Generator) -> str:
    behind = " ".join(_ONES[digit] for digit in rng.integers(0, 10, rng.integers(1, 4)))
    return f"{in_words(int(rng.integers(100)))} point {behind}"


def _spelled(rng: np.random.Generator) -> str:
    """A word of the names of emoji, or a code, in which j, q, x and z are as frequent as e."""
    if rng.random() < 0.5:
        return " ".join(_WORDS[rng.integers(len(_WORDS))])
    return " ".join(rng.choice([*ascii_lowercase], rng.integers(3, 6)))


def _words() -> list[str]:
    words = {word for name in all_names().values() for word in name.name.split()}
    return sorted(word for word in words if re.fullmatch("[a-z]{3,6}", word))


_WORDS = _words()


def _command(rng: np.random.Generator) -> str:
    return _filled(_TEMPLATES[rng.integers(len(_TEMPLATES))], rng)


def _filled(template: str, rng: np.random.Generator) -> str:
    """Each {slot} filled with one of its fillers, which may have slots themselves."""
    parts = []
    for fixed, slot, _, _ in Formatter().parse(template):
        parts.append(fixed)
        if slot:
            parts.append(_filled(_one_of(rng, *_SLOTS[slot]), rng))
    return "".join(parts)


_TEMPLATES = (
    "turn {on_off} the {room} {device}",
    "turn the {room} {device} {up_down} by {percent} percent",
    "set the {room} {device} to {percent} percent",
    "is the {room} {device} still {on_off}",
    "don't turn {on_off} the {device} {day}",
    "{open_close} the {room} {opening}",
    "who left the {room} {opening} open",
    "set a timer for {small} {unit}",
    "add {small} {unit} to the timer",
    "wake me up at {time}",
    "what time is it in {city}",
    "what's the weather in {city} {day}",
    "will it {weather} {day} in {city}",
    "how far is it from {city} to {city}",
    "book a table for {hour} at {time}",
    "call {name} {day}",
    "send {name} a message",
    "what's {name}'s {about}",
    "where's {name} {day}",
    "meet {name} at {time}",
    "add {food} to the shopping list",
    "we're out of {food} and {food}",
    "how do you say {food} in {language}",
    "play {music} in the {room}",
    "don't play {music} again",
    "remind me to {task} {day}",
    "remind me to {task} at {time}",
    "did {name} {task} {day}",
    "what's {small} {operation} {small}",
    "that's not what i said {name}",
)
_SLOTS = {
    "on_off": ("on", "off"),
    "up_down": ("up", "down"),
    "open_close": ("open", "close", "lock", "shut"),
    "room": (
        *("kitchen", "bedroom", "bathroom", "hallway", "garden", "garage", "office"),
        *("living room", "attic", "cellar"),
    ),
    "device": ("light", "lamp", "heater", "fan", "radio", "television", "speaker", "oven"),
    "opening": ("door", "window", "curtains", "gate", "shutters"),
    "percent": ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty"),
    "small": (*_ONES[2:16], "twenty", "thirty", "forty five", "ninety"),
    "unit": ("seconds", "minutes", "hours"),
    "hour": tuple(_ONES[1:13]),
    "time": (
        *("{hour} o'clock", "half past {hour}", "quarter to {hour}", "quarter past {hour}"),
        "{hour} thirty",
    ),
    "day": (
        *("today", "tomorrow", "tonight", "this morning", "on monday", "on tuesday"),
        *("on wednesday", "on thursday", "on friday", "next week"),
    ),
    "weather": ("rain", "snow", "be sunny", "be windy", "get cold"),
    "city": (
        *("paris", "london", "berlin", "madrid", "rome", "vienna", "moscow", "cairo", "boston"),
        *("chicago", "sydney", "tokyo", "delhi", "lisbon"),
    ),
    "name": (
        *("anna", "ben", "clara", "david", "emma", "frank", "grace", "henry", "julia", "karl"),
        *("laura", "martin", "nina", "oscar", "rachel", "victor"),
    ),
    "about": ("address", "phone number", "birthday", "last message"),
    "food": (
        *("apples", "bananas", "bread", "butter", "cheese", "chocolate", "coffee", "eggs"),
        *("flour", "honey", "juice", "milk", "onions", "pepper", "potatoes", "rice", "sugar"),
        *("tea", "tomatoes", "yoghurt"),
    ),
    "music": (
        *("jazz", "the news", "some music", "the next song", "a podcast", "something quiet"),
        *("my favourite album", "a piano concert"),
    ),
    "task": (
        *("call the doctor", "feed the cat", "water the plants", "pay the rent", "buy flowers"),
        *("walk the dog", "lock the car", "fix the bike", "clean the fridge", "take a break"),
    ),
    "language": ("english", "french", "german", "spanish", "italian", "polish", "welsh"),
    "operation": ("plus", "minus", "times", "divided by"),
}

KINDS: dict[str, Callable[[np.random.Generator], str]] = {
    "number": _number,
    "spelled": _spelled,
    "command": _command,
}
