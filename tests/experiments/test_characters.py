"""The characters experiment and its script, from end to end on a text of few words."""

import itertools
import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from leaving import status_of
from tolerances import FIRST_STEPS, FLOAT32_DEEP
from train.two_steps import check_two_by_four

from experiments import characters
from nnarch import train
from nnarch.data.character_texts import Document, Text
from scripts import evaluate as evaluate_script
from scripts import generate as generate_script

WORDS = ("f(x)", "[a, b]", "'in quotes'", "# said\n", "\n    go", "((deep))", "end\n")


def document(seed, words=60):
    rng = np.random.default_rng(seed)
    return Document(f"file{seed}", " ".join(rng.choice(WORDS, words)))


def load(*, name, folder=None):
    cuts = {"train": range(12), "validation": range(20, 22), "test": range(30, 33)}
    return Text("few-words", {split: tuple(map(document, seeds)) for split, seeds in cuts.items()})


@pytest.fixture(scope="module", autouse=True)
def few_words():
    """The text of this file instead of Python's library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(characters.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    for cached in (characters._read, characters._alphabet, characters.baselines):
        cached.cache_clear()


CONFIG = characters.Config(
    train=train.TrainConfig(
        steps=120,
        horizon=120,
        learning_rate=2e-2,
        warmup_steps=10,
        evaluate_every=60,
        checkpoint_every=30,
        mesh=train.MeshConfig(data=1),
    ),
    model=characters.CharacterLMConfig(hidden=32, embedding=8),
    data=characters.DataConfig(batch_size=8, window=16),
    decode=characters.DecodeConfig(batch_size=2, window=32, length=40),
)


def fit(config, folder):
    description = {"experiment": "characters", "config": train.to_json(config)}
    return train.fit(characters.build(config), config.train, folder, description=description)


@pytest.fixture(scope="module")
def workdir(few_words, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "words"
    assert fit(CONFIG, folder).finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(characters.build(CONFIG), workdir)[0]


def test_it_beats_short_n_grams_and_evaluate_writes_a_page(workdir, capsys):
    assert evaluate_script.main([str(workdir)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    beside = json.loads((workdir / "baselines.json").read_text())
    assert [*figures] == ["test_python", "net"]
    assert figures["test_python"]["bits"] < beside["2-gram"]["test_python"]["bits"]
    assert {"gzip", "bzip2", "xz", "5-gram"} < {*beside}
    assert f"{figures['test_python']['bits']:.3f}" in capsys.readouterr().out
    html = (workdir / "report" / "index.html").read_text()
    for title in ("What it writes", "What single cells follow", "open brackets: layer 1", "5-gram"):
        assert title in html


def test_what_is_read_in_windows_is_what_is_read_at_once(model):
    """A few wide windows or many narrow ones, several documents a row or one."""
    for rows, window in ((1, 64), (2, 32), (3, 7)):
        decode = replace(CONFIG.decode, batch_size=rows, window=window)
        bits = characters._bits(replace(CONFIG, decode=decode), model, "test")
        np.testing.assert_allclose(bits, _bits_at_once(model), **FLOAT32_DEEP)


def _bits_at_once(model):
    bits, count = 0.0, 0
    for numbers in characters._encoded(CONFIG.data, "test"):
        logits, _ = model(np.array([[0, *numbers[:-1]]], np.int32))
        scores = jax.nn.log_softmax(logits[0])[np.arange(len(numbers)), numbers]
        bits -= float(scores.sum()) / np.log(2)
        count += len(numbers)
    return bits / count


def test_training_carries_its_state_over_windows():
    """The loss of the second batch is that of reading both, and so is the state."""
    task = characters.build(CONFIG)
    model = task.create(jax.random.key(0))
    batches = [task.batches.batch(number) for number in (0, 1)]
    found = [task.loss(model, batch, jax.random.key(1)) for batch in batches]
    both = {name: np.concatenate([b[name] for b in batches], axis=1) for name in batches[0]}
    model = task.create(jax.random.key(0))
    at_once = task.loss(model, both, jax.random.key(1))
    np.testing.assert_allclose(sum(loss.total for loss in found), at_once.total, **FLOAT32_DEEP)
    alone = task.loss(task.create(jax.random.key(0)), batches[1], jax.random.key(1))
    assert abs(float(alone.total - found[1].total)) > 1e-3


def test_a_run_that_was_interrupted_ends_with_the_same_figures(workdir, tmp_path):
    """Between two checkpoints, in the middle of documents: the state is restored too."""
    config = replace(CONFIG, train=replace(CONFIG.train, evaluate_every=30))
    short = replace(config, train=replace(config.train, steps=30))
    fit(short, tmp_path)
    result = fit(replace(short, train=replace(short.train, steps=60)), tmp_path)
    whole = fit(replace(config, train=replace(config.train, steps=60)), tmp_path / "whole")
    assert result.figures == whole.figures
    assert result.step == 60


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    check_two_by_four(characters.build, CONFIG, FIRST_STEPS)


def test_every_preset_has_a_task_and_survives_json():
    for preset in characters.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(characters.Config, json.loads(text)) == preset
        small = replace(preset, data=replace(CONFIG.data, name=preset.data.name))
        assert characters.build(small).name == "characters"


def test_micro_batches_are_refused():
    config = replace(CONFIG, train=replace(CONFIG.train, accumulate=2))
    with pytest.raises(ValueError, match="--accumulate 1"):
        characters.build(config)


def test_what_is_written_follows_the_prime_and_the_seed(model):
    def written(prime, seed, temperature=0.7):
        found = characters.write(CONFIG, model, prime, temperature=temperature, seed=seed)
        return "".join(itertools.islice(itertools.chain.from_iterable(found), 24))

    assert written("f(", 0) == written("f(", 0)
    assert written("f(", 0, 5.0) != written("f(", 1, 5.0)
    assert written("f(", 0, 0.01).startswith("x)")
    assert written("[a, b] '", 0, 0.01).startswith("in quotes'")
    assert set(written("", 0, 100.0)) <= set("".join(WORDS) + " ")


def generated(capsys, *arguments):
    status = generate_script.main([*map(str, arguments)])
    return status, capsys.readouterr()


def test_generate_writes_on(workdir, capsys):
    status, said = generated(capsys, workdir, "--prime", "((", "--length", 30)
    assert status == 0
    assert said.out.startswith("((")
    assert len(said.out) == 2 + 30 + 1
    _, again = generated(capsys, workdir, "--prime", "((", "--length", 30, "--seed", 0)
    assert said.out == again.out
    status, said = generated(capsys, workdir, "--length", 9)
    assert (status, len(said.out)) == (0, 10)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--prime", "na\u00efe\x1b"), r"got '\x1b\xef'"),
        (("--temperature", 0), "a temperature above 0"),
        (("--temperature", "nan"), "a temperature above 0"),
    ],
)
def test_generate_says_what_is_wrong(workdir, capsys, arguments, expected):
    status, said = generated(capsys, workdir, *arguments)
    assert (status, said.out) == (1, "")
    assert expected in said.err


def test_generate_refuses_to_write_nothing(capsys):
    assert status_of(generate_script.main, "runs/a", "--length", 0) == 2
    assert "--length is 1 or more" in capsys.readouterr().err
    assert status_of(generate_script.main, "runs/a", "--seed", 2**64) == 2
    assert "--seed is from 0" in capsys.readouterr().err


def test_samples_at_no_temperature_are_refused_before_anything_is_read(workdir, capsys):
    assert status_of(evaluate_script.main, workdir, "--temperatures", 0.5, 0) == 2
    assert "a temperature above 0; got 0" in capsys.readouterr().err


def test_generate_wants_a_run_of_its_own(tmp_path, capsys):
    status, said = generated(capsys, tmp_path)
    assert status == 1
    assert "Nothing was trained" in said.err
