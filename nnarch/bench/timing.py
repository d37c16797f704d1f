"""Times contestants in turns (A B C, B C A, ...), so that a slower minute slows all of them.

Every contestant is a callable that returns once its work is finished. One turn is a pause, one call
that does not count, then as many that do as fill the turn. The pause lets the thread pool of the
contestant before fall asleep: both OpenMP's and XLA's threads spin for some milliseconds after
their last task, and would take the cores from whoever comes next; the call that does not count
wakes this contestant's own threads and brings its weights back into the cache.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Contestants = Mapping[str, Callable[[], object]]


class Spread(NamedTuple):
    """A median and the quartiles beside it."""

    median: float
    lower: float
    upper: float


def take_turns(
    contestants: Contestants,
    *,
    repeats: int = 15,
    turn_seconds: float = 0.1,
    pause_seconds: float = 0.02,
) -> dict[str, np.ndarray]:
    """Times every contestant once a round, in an order that rotates from round to round.

    Args:
      contestants: by name; each call returns when its work is finished.
      repeats: rounds.
      turn_seconds: about how long a contestant's timed calls last in one turn.
      pause_seconds: idle time before each turn.

    Returns:
      for each name float64 [repeats], the mean seconds of a call in each turn; index r of all
      contestants was measured in the same round.

    Raises:
      ValueError: there is nobody to time, or no round to time them in.
    """
    if not contestants or repeats < 1:
        raise ValueError(
            f"expected at least one contestant and one round; got {len(contestants)} and {repeats}."
        )
    calls = {name: _calls_that_fill(turn_seconds, run) for name, run in contestants.items()}
    seconds = {name: np.empty(repeats) for name in contestants}
    names = list(contestants)
    for round_index in range(repeats):
        for name in _rotated(names, round_index):
            time.sleep(pause_seconds)
            seconds[name][round_index] = _seconds_a_call(contestants[name], calls[name])
    return seconds


def _calls_that_fill(turn_seconds: float, run: Callable[[], object]) -> int:
    run()  # the first call may still compile or allocate
    return int(np.clip(turn_seconds / _seconds_a_call(run, 1), 1, 100))


def _seconds_a_call(run: Callable[[], object], calls: int) -> float:
    run()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def _rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def spread(samples: np.ndarray) -> Spread:
    """The median and quartiles of samples [N]."""
    lower, median, upper = np.percentile(samples, [25, 50, 75])
    return Spread(float(median), float(lower), float(upper))


def ratio(peer_seconds: np.ndarray, our_seconds: np.ndarray) -> Spread:
    """Peer's time over ours, round by round: what both suffered in one round cancels."""
    return spread(peer_seconds / our_seconds)
