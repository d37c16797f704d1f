"""The whole multi-dimensional benchmark at a tiny shape: rows and JSON."""

import json

import pytest

from nnarch.bench import multidim


@pytest.fixture
def tiny(tmp_path):
    return multidim.Config(
        device="cpu",
        shapes=("3,4,2,2,3",),
        repeats=2,
        turn_seconds=0.001,
        output=tmp_path / "made" / "here",
    )


def test_measures_prints_and_writes(tiny, capsys):
    rows = multidim.run(tiny)
    assert [row.entrant for row in rows] == list(multidim.RUNS)
    assert all(row.difference < 1e-5 for row in rows)
    document = json.loads((tiny.output / "multidim.json").read_text())
    assert document["rows"][1]["costs"]["residual_bytes"] > 0
    assert document["rows"][0]["ratio"]["median"] == 1
    assert "Y=3 X=4 B=2 D=2 H=3" in capsys.readouterr().out


def test_a_shape_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected a shape as Y,X,B,D,H"):
        multidim.run(multidim.Config(device="cpu", shapes=("4,2,3",)))


def test_entrants_that_disagree_are_not_timed(tiny, monkeypatch):
    monkeypatch.setattr(multidim, "AGREEMENT", -1.0)
    with pytest.raises(ValueError, match="expected to agree"):
        multidim.run(tiny)
