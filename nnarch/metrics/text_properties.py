"""What a reader of text may keep in mind, as a number after each character; and who follows it.

The properties are read off the text by rule, as of a programming language: brackets, quotes and
comments as Python has them. Of prose only those that vary mean anything.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

Properties = dict[str, np.ndarray]

_OPENING, _CLOSING, _STOPS = "([{", ")]}", ",;:.?!"


def text_properties(text: str) -> Properties:
    """By name, float32 [len(text)] each: what holds after each character.

    open brackets       of all kinds, outside quotes and comments
    inside quotes       1 there, up to the closing quote; else 0
    inside a comment    1 there, up to the line's end; else 0
    indentation         spaces that the line began with
    place in the line   characters since its start
    place in the word   letters since its start; 0 between words
    """
    rows = np.zeros((len(NAMES), len(text)), np.float32)
    state = _State()
    for place, character in enumerate(text):
        state = _after(state, character, text[place + 1 : place + 3])
        rows[:, place] = state.numbers()
    return dict(zip(NAMES, rows, strict=True))


NAMES = (
    "open brackets",
    "inside quotes",
    "inside a comment",
    "indentation",
    "place in the line",
    "place in the word",
    "place in the clause",
)
OF_PROSE = NAMES[-3:]  # those that mean something there


class _State(NamedTuple):
    brackets: int = 0
    quote: str = ""  # what closes it: one sign or three
    seen: str = ""  # of what may close or open one
    escaped: bool = False
    comment: bool = False
    indentation: int = 0
    line: int = 0
    word: int = 0
    clause: int = 0

    def numbers(self) -> tuple[float, ...]:
        flags = bool(self.quote), self.comment
        return (self.brackets, *flags, self.indentation, self.line, self.word, self.clause)


def _after(state: _State, character: str, ahead: str) -> _State:
    state = _in_line(state, character)
    if state.comment:
        return state._replace(comment=character != "\n")
    if state.quote:
        return _in_quotes(state, character)
    if character in "'\"":
        return _opened(state, character, ahead)
    if character == "#":
        return state._replace(comment=True, seen="")
    brackets = state.brackets + (character in _OPENING) - (character in _CLOSING)
    return state._replace(brackets=max(0, brackets), seen="")


def _in_line(state: _State, character: str) -> _State:
    state = state._replace(clause=0 if character in _STOPS else state.clause + 1)
    if character == "\n":
        return state._replace(indentation=0, line=0, word=0)
    begins = character == " " and state.line == state.indentation
    return state._replace(
        indentation=state.indentation + begins,
        line=state.line + 1,
        word=state.word + 1 if character.isalnum() or character == "_" else 0,
    )


def _opened(state: _State, character: str, ahead: str) -> _State:
    """A quote of one sign or, where three follow one another, of three."""
    if state.seen:  # the second or third of an opening
        seen = state.seen + character
        return state._replace(quote=seen if len(seen) == 3 else "", seen=seen * (len(seen) < 3))
    if ahead == 2 * character:
        return state._replace(seen=character)
    return state._replace(quote=character)


def _in_quotes(state: _State, character: str) -> _State:
    if state.escaped:
        return state._replace(escaped=False, seen="")
    seen = state.seen + character if character == state.quote[0] else ""
    ended = seen == state.quote or (character == "\n" and len(state.quote) == 1)
    return state._replace(
        quote="" if ended else state.quote,
        seen="" if ended else seen[-2:],
        escaped=character == "\\",
    )


class Follower(NamedTuple):
    """The cell that goes with a property most closely."""

    cell: int
    correlation: float  # from -1 to 1


def followers(cells: np.ndarray, properties: Mapping[str, np.ndarray]) -> dict[str, Follower]:
    """For each property that varies, the cell of largest correlation, of whichever sign.

    Args:
      cells: [N, C], what each cell holds at each of N characters.
      properties: by name, [N] each.
    """
    found = {}
    for name, values in properties.items():
        if np.ptp(values) > 0:
            all_of_them = correlations(cells, values)
            cell = int(np.argmax(np.abs(all_of_them)))
            found[name] = Follower(cell, float(all_of_them[cell]))
    return found


def correlations(cells: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Pearson's, of each column of cells [N, C] with values [N]; 0 where one does not vary."""
    cells = cells - cells.mean(axis=0)
    values = values - values.mean()
    sizes = np.sqrt((cells**2).sum(axis=0) * (values**2).sum())
    return np.divide(values @ cells, sizes, out=np.zeros(cells.shape[1]), where=sizes > 0)
