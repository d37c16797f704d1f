"""The whole benchmark at a tiny shape: rows, JSON and plot."""

import json

import pytest

from nnarch.bench import recurrent


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr("nnarch.bench.peak.CPU_SIZES", ((32, 16, 8),))
    return recurrent.Config(
        device="cpu",
        shapes=("4,2,3,5",),
        cells=("gru",),
        peers=("flax",),
        repeats=2,
        turn_seconds=0.001,
        output=tmp_path / "made" / "here",
    )


def test_measures_prints_and_writes(tiny, capsys):
    rows = recurrent.run(tiny)
    assert [(row.what, row.entrant) for row in rows] == [
        ("forward", "nnarch"),
        ("forward", "flax"),
        ("training", "nnarch"),
        ("training", "flax"),
    ]
    document = json.loads((tiny.output / "recurrent.json").read_text())
    assert document["rows"][3]["costs"]["residual_bytes"] > 0
    assert document["rows"][0]["ratio"]["median"] == 1
    assert document["host"]["versions"]["jax"]
    assert (tiny.output / "recurrent.png").read_bytes().startswith(b"\x89PNG")
    assert "gru  T=4 B=2 D=3 H=5" in capsys.readouterr().out


def test_a_shape_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected a shape as T,B,D,H"):
        recurrent.run(recurrent.Config(device="cpu", shapes=("4,2,3",)))


def test_a_device_that_is_absent_is_refused():
    with pytest.raises(ValueError, match="jax sees only cpu"):
        recurrent.run(recurrent.Config(device="tpu"))
