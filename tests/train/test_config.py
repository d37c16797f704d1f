"""Options as JSON and back, strictly; and how two differ."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest

from nnarch.train import (
    MeshConfig,
    TrainConfig,
    check_counts,
    differences,
    from_json,
    to_json,
)


@dataclass(frozen=True)
class Inner:
    widths: tuple[int, ...] = (1, 2)
    pair: tuple[int, str] = (3, "a")
    kind: Literal["plain", "residual", 0] = "plain"


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Annotated[Inner, "noted"] = Inner()
    rate: float | None = None
    where: Path | None = None
    table: dict[str, float] | None = None
    train: TrainConfig = field(default_factory=TrainConfig)


FULL = Outer("x", Inner((4,), (5, "b"), 0), 0.1, Path("/a"), {"k": 1.5}, TrainConfig(steps=3))


@pytest.mark.parametrize("config", [Outer("x"), FULL, replace(FULL, rate=1 / 3)])
def test_survives_json(config):
    assert from_json(Outer, json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"naem": "x"}, "has no fields.*naem"),
        ({"name": 3}, r"config\.name: expected str; got 3"),
        ({"inner": {"kind": "odd"}}, r"config\.inner\.kind"),
        ({"inner": {"kind": False}}, r"config\.inner\.kind"),
        ({"inner": {"widths": [1, 2.5]}}, r"config\.inner\.widths\[1\]"),
        ({"inner": {"pair": [1]}}, r"config\.inner\.pair"),
        ({"rate": "fast"}, r"config\.rate"),
        ({"table": {"k": "v"}}, r"config\.table"),
        ({"train": {"steps": True}}, r"config\.train\.steps"),
    ],
)
def test_refuses_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(Outer, {"name": "x", **change})


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match=r"Outer lacks \['name'\]"):
        from_json(Outer, {})


def test_a_field_left_out_takes_its_default():
    assert from_json(Outer, {"name": "x", "inner": {}}) == Outer("x")


def test_what_is_no_config_is_refused():
    with pytest.raises(TypeError, match="plain values"):
        to_json({"f": object()})


def test_differences_are_found_at_any_depth():
    other = replace(FULL, rate=0.2, train=replace(FULL.train, mesh=MeshConfig(model=2)))
    assert differences(to_json(FULL), to_json(other)) == {
        "rate": (0.1, 0.2),
        "train.mesh.model": (1, 2),
    }
    assert differences({"a": 1}, {"b": 2}) == {"a": (1, None), "b": (None, 2)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"accumulate": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"average": 1.0},
        {"warmup_steps": -5},
        {"weight_decay": -0.1},
        {"horizon": 0},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_what_no_run_could_mean_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} has to be"):
        TrainConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"model": 0}, {"data": -1}, {"data": 0}])
def test_an_axis_without_devices_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} has to be at least 1"):
        MeshConfig(**wrong)


def test_counts_are_counts():
    @dataclass(frozen=True)
    class Counts:
        words: int = 1
        share: float = 0.0
        none: int | None = None

    check_counts(Counts())
    with pytest.raises(ValueError, match="words has to be at least 1; got 0"):
        check_counts(Counts(words=0))
