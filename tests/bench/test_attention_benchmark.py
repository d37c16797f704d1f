"""The whole attention benchmark at a tiny shape: rows and JSON."""

import json

import pytest

from nnarch.bench import attention
from nnarch.bench.attention_peers import PLAIN


@pytest.fixture
def tiny(tmp_path):
    return attention.Config(
        device="cpu",
        shapes=("2,4,3,5",),
        repeats=2,
        turn_seconds=0.001,
        output=tmp_path / "made" / "here",
    )


def test_measures_prints_and_writes(tiny, capsys):
    rows = attention.run(tiny)
    assert [row.entrant for row in rows][:2] == ["nnarch", PLAIN]
    assert all(row.difference < 1e-5 for row in rows)
    document = json.loads((tiny.output / "attention.json").read_text())
    assert document["rows"][0]["ratio"]["median"] == 1
    assert "bahdanau decoder, training  B=2 S=4 T=3 H=5" in capsys.readouterr().out


def test_a_shape_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected a shape as B,S,T,H"):
        attention.run(attention.Config(device="cpu", shapes=("4,2,3",)))
