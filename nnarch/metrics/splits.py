"""Figures by split, named as metrics.json has them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

Split = TypeVar("Split")
Figures = dict[str, float]


class Quoted(NamedTuple):
    """A figure that the results of an experiment are quoted by."""

    title: str
    split: str
    figure: str


def over_tests(
    splits: Mapping[str, Split], figures: Callable[[Split], Figures]
) -> dict[str, Figures]:
    """The figures of every split that is neither trained nor validated on, by `test_name`."""
    tests = {name: each for name, each in splits.items() if name not in ("train", "validation")}
    return {test_name(name): figures(split) for name, split in tests.items()}


def test_name(split: str) -> str:
    """A split's name, beginning with "test"."""
    return split if split.startswith("test") else f"test_{split}"


test_name.__test__ = False  # pytest is not to take it for a test
