"""The sentiment experiment and its script, on sentences whose words say how they are rated."""

import io
import json

import jax
import numpy as np
import pytest
from leaving import status_of
from tolerances import FIRST_STEPS
from train.two_steps import check_two_by_four

from experiments import sentiment
from nnarch import train
from nnarch.data.rated_texts import Texts
from scripts import classify as classify_script
from scripts import evaluate as evaluate_script

GOOD, BAD, REST = ("fine", "lovely", ":)"), ("awful", "sad", ":("), ("tea", "bus", "the", "a")


def split(seed, count=40, kind="tweets"):
    """A good or a bad word among some that say nothing; "not" turns it round."""
    rng = np.random.default_rng(seed)
    texts, ratings = [], []
    for _ in range(count):
        side, turned = rng.choice([-1, 1]), rng.random() < 0.3
        said = rng.choice(GOOD if side > 0 else BAD)
        words = [*rng.choice(REST, rng.integers(1, 5)), f"not {said}" if turned else said]
        texts.append(" ".join([*words, *rng.choice(REST, 2)]))
        ratings.append(2.0 * side * (-1 if turned else 1))
    return Texts(tuple(texts), np.array(ratings, np.float32), np.ones(count), (kind,) * count)


def load(*, train, folder=None, splits=None):
    names = ("train", "validation", "tweets", "movies")
    return {name: split(seed, 96 if name == "train" else 24) for seed, name in enumerate(names)}


@pytest.fixture(scope="module", autouse=True)
def sentences():
    """The data set of this file instead of the rated texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentiment.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    for cached in (sentiment._read, sentiment._pieces, sentiment.baselines):
        cached.cache_clear()


CONFIG = sentiment.Config(
    train=train.TrainConfig(
        steps=240,
        learning_rate=1e-2,
        warmup_steps=10,
        evaluate_every=120,
        checkpoint_every=240,
        mesh=train.MeshConfig(data=1),
    ),
    model=sentiment.TextRaterConfig(
        embedding=12, hidden=12, attention=8, dropout=0.0, word_dropout=0.0
    ),
    data=sentiment.DataConfig(train=("tweets",), at_least=1, batch_size=16, buckets=1),
    decode=sentiment.DecodeConfig(batch_size=16, longest=16),
)


@pytest.fixture(scope="module")
def workdir(sentences, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "sentences"
    description = {"experiment": "sentiment", "preset": "default", "config": train.to_json(CONFIG)}
    result = train.fit(sentiment.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(sentiment.build(CONFIG), workdir)[0]


def test_it_learns_what_words_say_and_evaluate_writes_a_page(workdir, capsys):
    assert evaluate_script.main([str(workdir), "--batch-size", "7"]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert list(figures) == ["test_tweets", "test_movies"]
    assert figures["test_tweets"]["sign"] > 90
    assert figures["test_tweets"]["correlation"] > 80
    page = (workdir / "report" / "index.html").read_text()
    assert "Told and true" in page
    assert "color-mix(in srgb, var(--right)" in page
    assert "in brackets: bag of words, VADER" in capsys.readouterr().out


def test_ratings_keep_the_order_of_texts_over_batches(model):
    texts = split(9).texts
    told = sentiment.rate(CONFIG, model, texts)
    assert told.std() > 0.5
    np.testing.assert_allclose(
        sentiment.rate(CONFIG, model, texts[::-1]), told[::-1], **FIRST_STEPS
    )
    one_by_one = [sentiment.explain(CONFIG, model, text).told for text in texts[:3]]
    np.testing.assert_allclose(one_by_one, told[:3], **FIRST_STEPS)


def test_the_word_that_says_it_moves_it_most(model):
    for text, place, side in (("the tea a fine bus", 3, 1), ("sad the tea bus", 0, -1)):
        found = sentiment.explain(CONFIG, model, text)
        assert found == sentiment.explain(CONFIG, model, text)
        assert found.words == tuple(text.split())
        assert np.argmax(np.abs(found.effects)) == place
        assert np.sign(found.effects[place]) == side


def test_a_long_text_is_the_mean_of_its_parts(model):
    whole = " ".join(["the", "fine", "tea", "bus"] * 4 + ["sad", "the", "tea", "bus"] * 4)
    first, last = (" ".join(whole.split()[at : at + 16]) for at in (0, 16))
    told = sentiment.rate(CONFIG, model, [whole, first, last])
    np.testing.assert_allclose(told[0], (told[1] + told[2]) / 2, **FIRST_STEPS)
    found = sentiment.explain(CONFIG, model, whole)
    np.testing.assert_allclose(found.told, told[0], **FIRST_STEPS)
    assert len(found.effects) == len(found.words) == 32


def test_texts_of_other_kinds_count_less(monkeypatch):
    monkeypatch.setattr(sentiment.data, "load", lambda **_: {"train": split(0, 16, "movies")})
    _forget()
    task = sentiment.build(CONFIG)
    batch = next(task.batches.iterator())
    assert set(batch["weight"].tolist()) == {np.float32(CONFIG.data.others_weight)}
    loss = task.loss(task.create(jax.random.key(0)), batch, jax.random.key(1))
    np.testing.assert_allclose(loss.weight, 16 * CONFIG.data.others_weight, rtol=1e-6)
    _forget()


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    check_two_by_four(sentiment.build, CONFIG, FIRST_STEPS)


def test_presets_survive_json():
    for preset in sentiment.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(sentiment.Config, json.loads(text)) == preset


def test_classify_shows_ratings_and_words(workdir, capsys):
    assert classify_script.main([str(workdir), "the fine tea", "awful bus"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("+")
    assert lines[0].endswith("the fine tea")
    assert lines[1].split()[0] == "fine"
    assert lines[2].startswith("-")
    assert "\x1b" not in "".join(lines)


def test_classify_reads_lines_whatever_they_hold(workdir, monkeypatch, capsys):
    given = b"\n[bold]\x1b[31mfine[/bold] \xff\xfe :)\n" + b"sad tea " * 300 + b"\n" + b"x" * 9000
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert classify_script.main([str(workdir)]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].strip() == "-    (no words)"
    assert "[" in lines[1]
    assert "bold" in lines[1]
    assert "\x1b" not in out
    assert len(lines) == 7
    assert lines[3].count("sad") == 300


def test_classify_in_colour_on_a_terminal(workdir, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert classify_script.main([str(workdir), "the fine tea"]) == 0
    assert "\x1b[1;32mfine" in capsys.readouterr().out


def test_classify_wants_a_run_of_its_own(tmp_path, capsys):
    assert classify_script.main([str(tmp_path), "fine"]) == 1
    assert "Nothing was trained" in capsys.readouterr().err
    assert status_of(classify_script.main) == 2
    assert status_of(classify_script.main, tmp_path, "--unknown") == 2
    assert "--unknown" in capsys.readouterr().err


def test_trained_on_other_texts_alone_it_has_its_baselines(sentences):
    """What stands beside it has had the same texts."""
    movies = split(0, 60, "movies")
    found = {"train": movies, "validation": split(1), "tweets": split(2)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sentiment.data, "load", lambda **_: found)
        _forget()
        beside = sentiment.baselines(CONFIG)
    _forget()
    assert beside["bag of words"]["test_tweets"]["sign"] > 60
    assert "VADER" in beside
