"""The whole benchmark of variants at a tiny shape: rows and JSON."""

import json

import pytest

from nnarch.bench import variants


@pytest.fixture
def tiny(tmp_path):
    return variants.Config(
        device="cpu",
        shapes=("4,2,3,5",),
        cells=("lstm",),
        repeats=2,
        turn_seconds=0.001,
        output=tmp_path / "made" / "here",
    )


def test_measures_prints_and_writes(tiny, capsys):
    rows = variants.run(tiny)
    assert [row.entrant for row in rows] == list(variants.VARIANTS["lstm"])
    assert all(row.difference < 1e-5 for row in rows)
    document = json.loads((tiny.output / "variants.json").read_text())
    assert document["rows"][0]["entrant"] == "lstm plain"
    assert document["rows"][0]["ratio"]["median"] == 1
    assert "T=4 B=2 D=3 H=5" in capsys.readouterr().out


def test_a_variant_that_disagrees_with_its_plain_scan_is_not_timed(tiny, monkeypatch):
    monkeypatch.setattr(variants, "AGREEMENT", -1.0)
    with pytest.raises(ValueError, match="expected to agree"):
        variants.run(tiny)
