"""The whole CTC benchmark at a tiny shape: rows and JSON."""

import json

import pytest

from nnarch.bench import ctc
from nnarch.bench.ctc_peers import LEAST


@pytest.fixture
def tiny(tmp_path):
    return ctc.Config(
        device="cpu",
        shapes=("2,6,5,2",),
        peers=("optax",),
        repeats=2,
        turn_seconds=0.001,
        longest=False,
        beam=0,
        output=tmp_path / "made" / "here",
    )


def test_measures_prints_and_writes(tiny, capsys):
    rows = ctc.run(tiny)
    assert [row.entrant for row in rows] == ["nnarch", "optax", LEAST]
    assert rows[1].difference < 1e-5
    document = json.loads((tiny.output / "ctc.json").read_text())
    assert document["rows"][1]["costs"]["residual_bytes"] > 0
    assert document["rows"][0]["ratio"]["median"] == 1
    assert document["search"] is None
    assert "B=2 T=6 V=5 L=2" in capsys.readouterr().out


def test_a_shape_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected a shape as B,T,V,L"):
        ctc.run(ctc.Config(device="cpu", shapes=("4,2,3",)))


def test_entrants_that_disagree_are_not_timed(tiny, monkeypatch):
    monkeypatch.setattr(ctc, "AGREEMENT", -1.0)
    with pytest.raises(ValueError, match="expected to agree"):
        ctc.run(tiny)
