"""What the script adds: the command line, and the captioning experiment's own training step."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments import captioning
from nnarch.data.captions import Captioned
from nnarch.data.vocabulary import Vocabulary
from scripts import benchmark
from scripts.captioning_subject import captioning_subject


def test_a_wrong_shape_ends_with_a_short_error(capsys):
    assert benchmark.main(["recurrent", "--device", "cpu", "--shapes", "1,2"]) == 2
    assert "error: expected a shape as T,B,D,H" in capsys.readouterr().err


def test_help_lists_the_benchmarks(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--help"])
    printed = capsys.readouterr().out
    assert "recurrent" in printed
    assert "captioning" in printed


@pytest.fixture
def tiny(monkeypatch):
    """The default experiment, small, on noise."""
    pictures = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)
    captions = (((("some", "noise")),),) * 8
    noise = Captioned(pictures, captions, (frozenset(["some noise"]),) * 8, {})
    vocabulary = Vocabulary.of([each[0] for each in captions])
    monkeypatch.setattr(captioning, "read", lambda config: ({"train": noise}, vocabulary))
    config = captioning.PRESETS["default"]
    config = replace(
        config,
        data=replace(config.data, size=8, batch_size=4),
        model=replace(config.model, hidden=4, embedding=4, widths=(4, 4), strides=(4, 2)),
    )
    monkeypatch.setitem(captioning.PRESETS, "default", config)


def test_the_step_is_the_engines_own(tiny):
    subject = captioning_subject(jax.devices("cpu")[0])
    batch = subject.draw()
    state, report = subject.update(batch)
    state, report = subject.update(batch)  # the first state was consumed
    assert int(state.step) == 2
    assert int(report.skipped) == 0
    assert np.isfinite(report.total)
    jax.block_until_ready(subject.optimise())
    assert np.isfinite(subject.model.lstm.w_x[...]).all()  # its arrays are not the donated ones
