"""What digits can do on a stage of three by three cells, whatever stands on it.

A place is (row, column) in cells, rows downward. A digit acts along straight lines from cell to
cell, never through the other one; only two that swap pass each other.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

Place = tuple[float, float]
Places = tuple[Place | None, Place | None]  # of both digits; None outside

CELLS = 3  # a side
LAST = CELLS - 1
OUTSIDE = 1.5  # cells from the middle of a border cell to where nothing of a digit is seen

MOVES = {
    "moves left": (0, -1),
    "moves right": (0, 1),
    "rises": (-1, 0),
    "falls": (1, 0),
}
REVERSED = {
    "moves left": "moves right",
    "moves right": "moves left",
    "rises": "falls",
    "falls": "rises",
    "enters": "leaves",
    "leaves": "enters",
    "bounces": "bounces",
    "swap": "swap",
}
VERBS = tuple(REVERSED)
KINDS = ("stops", "enters", "leaves", "bounces", "swap")  # whatever moves, stops


class Action(NamedTuple):
    """What one digit does; both, if they swap."""

    verb: str
    who: int  # 0 or 1; 0 if both
    path: tuple[Place, ...]  # of that digit, from corner to corner

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return "stops" if self.verb in MOVES else self.verb

    @property
    def cells(self) -> float:
        """How long the path is."""
        return sum(abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in pairwise(self.path))

    def backward(self) -> "Action":
        """What is seen of it when time runs the other way."""
        return Action(REVERSED[self.verb], self.who, self.path[::-1])

    def after(self, places: Places) -> Places:
        """Where both digits are when it is done."""
        if self.verb == "swap":
            return places[::-1]
        ends = None if self.verb == "leaves" else self.path[-1]
        return tuple(ends if who == self.who else place for who, place in enumerate(places))


@cache
def possible(places: Places) -> dict[str, list[Action]]:
    """Everything that can be done next, by its kind; kinds of which nothing can be are left out."""
    found: dict[str, list[Action]] = {kind: [] for kind in KINDS}
    for who, place in enumerate(places):
        other = places[1 - who]
        actions = _entering(who, other) if place is None else _acting(who, place, other)
        for action in actions:
            found[action.kind].append(action)
    if None not in places:
        found["swap"].append(Action("swap", 0, places))
    return {kind: actions for kind, actions in found.items() if actions}


def _acting(who: int, place: Place, other: Place | None) -> list[Action]:
    """What a digit on the stage can do alone."""
    found = []
    for verb, step in MOVES.items():
        ahead = _ahead(place, step)
        free = ahead[: ahead.index(other)] if other in ahead else ahead
        found += [Action(verb, who, (place, cell)) for cell in free]
        if free == ahead:
            found.append(Action("leaves", who, (place, _beyond([place, *ahead][-1], step))))
            if ahead:
                found.append(Action("bounces", who, (place, ahead[-1], place)))
    return found


def _entering(who: int, other: Place | None) -> list[Action]:
    """All ways in: the ways out from every free cell, backward."""
    cells = [(row, column) for row in range(CELLS) for column in range(CELLS)]
    leaving = [
        action
        for cell in cells
        if cell != other
        for action in _acting(who, cell, other)
        if action.kind == "leaves"
    ]
    return [action.backward() for action in leaving]


def _ahead(place: Place, step: tuple[int, int]) -> list[Place]:
    """The cells in front, up to the border."""
    cells = [(place[0] + step[0] * n, place[1] + step[1] * n) for n in range(1, CELLS)]
    return [cell for cell in cells if min(cell) >= 0 and max(cell) <= LAST]


def _beyond(place: Place, step: tuple[int, int]) -> Place:
    return (place[0] + step[0] * OUTSIDE, place[1] + step[1] * OUTSIDE)
