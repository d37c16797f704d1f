"""Scripts: which digits there are, what they do one after the other, and when.

Half of all scripts are turned round in time. A clip and the same clip backward are then equally
likely, and what is told of one is never right of the other: whoever sees the frames without their
order cannot tell more than half of them right.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nnarch.data.moving_digits.stage import CELLS, REVERSED, Action, Places, possible

SPEEDS = (0.27, 0.45)  # cells in a frame
ON_STAGE = 0.75  # share of digits that are there at the start
ACTIONS = (2, 3)
APART = 2  # frames at rest between two actions, at least

# Digits that training never shows together: those whose sum ends on 0 or 5. Each digit has one or
# two of them.
APART_SUM = 5

_NEVER = (
    ("moves left", "falls"),
    ("moves right", "bounces"),
    ("bounces", "leaves"),
    ("swap", "rises"),
)
# Verbs of which training never shows the second right after the first; nor what is seen of them
# when time runs the other way.
NEVER_FOLLOWS = frozenset(_NEVER) | {(REVERSED[b], REVERSED[a]) for a, b in _NEVER}


class Script(NamedTuple):
    """What happens in a clip, but for how the digits look."""

    digits: tuple[int, int]  # two that differ
    places: Places  # at the start
    actions: tuple[Action, ...]
    durations: tuple[int, ...]  # frames of each action
    pauses: tuple[int, ...]  # frames at rest before each action, and after the last's last frame

    @property
    def frames(self) -> int:
        """Of the whole clip."""
        return sum(self.durations) + sum(self.pauses)

    def backward(self) -> "Script":
        """The same clip with its last frame first."""
        places = self.places
        for action in self.actions:
            places = action.after(places)
        return Script(
            self.digits,
            places,
            tuple(action.backward() for action in self.actions[::-1]),
            self.durations[::-1],
            (self.pauses[-1] + 1, *self.pauses[-2:0:-1], self.pauses[0] - 1),
        )


Wanted = Callable[[Script], bool]


class Recipe(NamedTuple):
    """Which scripts are drawn.

    Attributes:
      frames: of a clip.
      kinds: of actions.
      wanted: which of them are kept.
    """

    frames: int
    kinds: tuple[str, ...]
    wanted: Wanted

    def draw(self, rng: np.random.Generator) -> Script:
        """One script."""
        while True:
            digits = tuple(int(digit) for digit in rng.choice(10, 2, replace=False))
            places = _places(rng)
            actions = _actions(rng, places, int(rng.integers(*ACTIONS, endpoint=True)), self.kinds)
            if actions is None:
                continue
            timing = _timing(rng, actions, self.frames)
            if timing is None:
                continue
            script = Script(digits, places, actions, *timing)
            if self.wanted(script):
                return script.backward() if rng.random() < 0.5 else script


def _places(rng: np.random.Generator) -> Places:
    cells = rng.choice(CELLS * CELLS, 2, replace=False)
    there = rng.random(2) < ON_STAGE
    places = [divmod(int(cell), CELLS) for cell in cells]
    return tuple(place if on else None for place, on in zip(places, there, strict=True))


def _actions(
    rng: np.random.Generator, places: Places, count: int, kinds: Sequence[str]
) -> tuple[Action, ...] | None:
    """So many actions; None where nothing can be done any more."""
    actions = []
    for _ in range(count):
        found = possible(places)
        open_to = [kind for kind in kinds if kind in found]
        if not open_to:
            return None
        among = found[open_to[rng.integers(len(open_to))]]
        actions.append(among[rng.integers(len(among))])
        places = actions[-1].after(places)
    return tuple(actions)


def _timing(
    rng: np.random.Generator, actions: Sequence[Action], frames: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Durations and pauses that fill the clip; None where it is too short."""
    speeds = rng.uniform(*SPEEDS, len(actions))
    durations = [_frames(a, v) for a, v in zip(actions, speeds, strict=True)]
    # An action's last frame is at rest already.
    least = np.array([1] + [APART] * (len(actions) - 1) + [0])
    spare = frames - sum(durations) - int(least.sum())
    if spare < 0:
        return None
    cuts = np.sort(rng.integers(0, spare + 1, len(actions)))
    pauses = least + np.diff([0, *cuts, spare])
    return tuple(durations), tuple(int(pause) for pause in pauses)


def _frames(action: Action, speed: float) -> int:
    """How long it takes; one that bounces is at the border in the middle frame."""
    parts = len(action.path) - 1
    return max(2, parts * round(action.cells / speed / parts))


def pattern(names: Sequence[object], verbs: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Which verb, and whether the first, second, ... of those that are named does it; -1 for both.

    Args:
      names: who acts, in order; whoever swaps may be anything.
      verbs: what they do.
    """
    numbers: dict[object, int] = {}
    acting = (
        -1 if verb == "swap" else numbers.setdefault(name, len(numbers))
        for name, verb in zip(names, verbs, strict=True)
    )
    return tuple(zip(verbs, acting, strict=True))


def pattern_of(script: Script) -> tuple[tuple[str, int], ...]:
    """The pattern of its actions."""
    return pattern([a.who for a in script.actions], [a.verb for a in script.actions])


def reads_alike_backward(script: Script) -> bool:
    """Whether its pattern, too, is that of the clip backward."""
    return pattern_of(script) == pattern_of(script.backward())


def holds_apart(script: Script) -> tuple[bool, bool]:
    """Whether its digits, and whether two of its verbs in a row, are kept from training."""
    verbs = [action.verb for action in script.actions]
    return (
        sum(script.digits) % APART_SUM == 0,
        any(pair in NEVER_FOLLOWS for pair in pairwise(verbs)),
    )


def known(script: Script) -> bool:
    """Of training: nothing is kept apart, and it does not read alike backward."""
    return not any(holds_apart(script)) and not reads_alike_backward(script)


def combined_anew(script: Script) -> bool:
    """Digits that training never shows together, and verbs that it never shows in a row; both
    digits act.
    """
    acting = {a.who for a in script.actions if a.verb != "swap"}
    both = len(acting) == 2 or any(a.verb == "swap" for a in script.actions)
    return both and all(holds_apart(script)) and not reads_alike_backward(script)


def anything(script: Script) -> bool:
    """All scripts."""
    del script
    return True
