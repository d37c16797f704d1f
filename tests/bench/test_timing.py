"""Turns are fair, and figures are those of the rounds."""

import time

import numpy as np
import pytest

from nnarch.bench.timing import ratio, spread, take_turns


def test_everyone_has_each_place_in_turn():
    order = []
    contestants = {name: lambda name=name: order.append(name) for name in "abc"}
    take_turns(contestants, repeats=3, turn_seconds=0, pause_seconds=0)
    turns = order[
        3 * 3 :: 2
    ]  # three warming calls each, then one that does not count and one that does
    assert "".join(turns) == "abcbcacab"


def test_seconds_are_those_of_one_call():
    seconds = take_turns(
        {"short": lambda: time.sleep(0.002), "long": lambda: time.sleep(0.02)},
        repeats=2,
        turn_seconds=0.01,
        pause_seconds=0,
    )
    assert seconds["short"].shape == (2,)
    assert seconds["short"].min() >= 0.002
    assert seconds["long"].min() >= 0.02


def test_the_ratio_is_taken_round_by_round():
    ours = np.array([1.0, 10.0, 1.0])  # the machine was slow in the second round, for both
    found = ratio(2 * ours, ours)
    assert found == (2, 2, 2)


def test_a_spread_is_median_and_quartiles():
    assert spread(np.arange(5.0)) == (2, 1, 3)


def test_nobody_to_time_is_refused():
    with pytest.raises(ValueError, match="at least one contestant"):
        take_turns({})
