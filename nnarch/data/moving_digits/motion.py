"""Where digits are in every frame, which action it is, and from which side it can be told."""

from typing import NamedTuple

import numpy as np

from nnarch.data.moving_digits.scripts import Script
from nnarch.data.moving_digits.stage import CELLS, LAST, Action

REST = -1
FAR = (-4.0, -4.0)  # where a digit is that never comes
BULGE = 0.75  # cells by which each of two that swap goes out of the other's way


def positions(script: Script) -> np.ndarray:
    """float64 [2, T, 2]: the middle of each digit in each frame, (row, column) in cells."""
    found = np.empty((2, script.frames, 2))
    places = [place or FAR for place in script.places]
    for who in (0, 1):  # one who enters waits where it will enter
        own = [a for a in script.actions if a.who == who and a.verb != "swap"]
        if script.places[who] is None and own:
            places[who] = own[0].path[0]
    frame = 0
    for action, duration, pause in zip(
        script.actions, script.durations, script.pauses, strict=False
    ):
        found[:, frame : frame + pause] = np.array(places)[:, None]
        frame += pause
        if action.verb == "enters":
            places[action.who] = action.path[0]
        moved = _moved(action, np.arange(1, duration + 1) / duration, np.array(places, float))
        found[:, frame : frame + duration] = moved
        frame += duration
        places = [tuple(place) for place in moved[:, -1]]
    found[:, frame:] = np.array(places)[:, None]
    return found


def _moved(action: Action, passed: np.ndarray, places: np.ndarray) -> np.ndarray:
    """[2, D, 2]: both digits, when so much of an action, of 1, has passed."""
    if action.verb == "swap":
        return _swapping(places, passed)
    found = np.repeat(places[:, None], len(passed), axis=1)
    path = np.array(action.path)
    lengths = np.abs(np.diff(path, axis=0)).sum(axis=1)
    corners = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    for axis in (0, 1):
        found[action.who, :, axis] = np.interp(passed, corners, path[:, axis])
    return found


def _swapping(places: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Each goes to the other's place, past it: one on this side, one on that, on the stage."""
    way = places[1] - places[0]
    aside = np.array([-way[1], way[0]]) / np.hypot(*way)
    aside *= np.sign(aside[np.argmax(np.abs(aside))])  # the same forward and backward
    bulge = BULGE * np.sin(np.pi * passed)[:, None] * aside
    straight = [a + passed[:, None] * (b - a) for a, b in (places, places[::-1])]
    return np.clip([straight[0] + bulge, straight[1] - bulge], 0, LAST)


class Acting(NamedTuple):
    """What goes on in each of T frames."""

    action: np.ndarray  # int [T], which of the script's actions; REST where nothing moves
    from_future: np.ndarray  # bool [T], whether no frame up to this one tells which kind it is
    from_past: np.ndarray  # bool [T], whether no frame from this one on tells it


def acting(script: Script) -> Acting:
    """Of each frame, what has moved a digit since the frame before it.

    A digit that sets out may yet stop, leave or bounce: until it has turned back or is beyond the
    border only later frames tell which. One that comes to rest may have set out, have entered, or
    have bounced: once it is on the stage and on its way back only earlier frames tell.
    """
    action = np.full(script.frames, REST)
    from_future, from_past = (np.zeros(script.frames, bool) for _ in range(2))
    where, frame = positions(script), 0
    for number, (act, duration) in enumerate(zip(script.actions, script.durations, strict=True)):
        frame += script.pauses[number]
        span = slice(frame, frame + duration)
        frame += duration
        action[span] = number
        passed = np.arange(1, duration + 1) / duration
        inside = np.all((where[act.who, span] >= 0) & (where[act.who, span] <= LAST), axis=-1)
        from_future[span], from_past[span] = _undecided(act.kind, passed, inside)
    return Acting(action, from_future, from_past)


def _undecided(kind: str, passed: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a frame's kind is not told by what came before it, and by what comes after."""
    never = np.zeros(len(passed), bool)
    return {
        "stops": (~never, ~never),
        "leaves": (inside, never),
        "enters": (never, inside),
        "bounces": (passed <= 0.5, passed >= 0.5),
        "swap": (never, never),
    }[kind]


def middles(script: Script, size: int, ink: int) -> np.ndarray:
    """As `positions`, in pixels of a square canvas: digits of `ink` pixels touch its borders."""
    step = (size - ink) / (CELLS - 1)
    return (size - 1) / 2 + (positions(script) - LAST / 2) * step
