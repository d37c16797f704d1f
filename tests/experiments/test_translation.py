"""The translation experiment and its scripts, from end to end on a language of five words."""

import io
import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from flax import nnx
from leaving import status_of

from experiments import _translating, translation
from nnarch import train
from nnarch.data.translations import Sentences
from nnarch.models.encoder_decoder import EncoderDecoderConfig
from nnarch.models.luong import LuongConfig
from nnarch.models.source_encoder import EncoderConfig
from scripts import evaluate as evaluate_script
from scripts import translate as translate_script
from tests.tolerances import FIRST_STEPS, FLOAT32
from tests.train.two_steps import check_two_by_four

FRENCH = {"one": "un", "two": "deux", "three": "trois", "four": "quatre", "<0>": "<0>"}
SIZES = {"train": 200, "validation": 12, "chapters": 24, "books": 9}


def french(english):
    return " ".join(FRENCH[word] for word in english.split())


def load(name, *, english=(), french=(), folder=None, splits=None):
    rng = np.random.default_rng(0)
    sentences = [" ".join(words) for n in (3, 4) for words in product(FRENCH, repeat=n)]
    rng.shuffle(sentences)
    cuts = np.cumsum([0, *SIZES.values()])
    return {
        name: split(sentences[start:end])
        for name, start, end in zip(SIZES, cuts, cuts[1:], strict=False)
    }


def split(sentences):
    told = tuple(map(french, sentences))
    return Sentences(tuple(sentences), told, {"french": ("l",) * len(sentences)})


@pytest.fixture(scope="module", autouse=True)
def five_words(tmp_path_factory):
    """The data set of this file instead of the verses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNARCH_CACHE", str(tmp_path_factory.mktemp("data")))
        patch.setattr(_translating.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    for cached in (_translating.read, translation._nearest, translation.baselines):
        cached.cache_clear()


ENCODER = EncoderConfig(embedding=16, hidden=16)
CONFIG = translation.Config(
    train=train.TrainConfig(
        steps=300,
        learning_rate=2e-2,
        warmup_steps=10,
        evaluate_every=150,
        checkpoint_every=150,
        mesh=train.MeshConfig(data=1),
    ),
    luong=LuongConfig(encoder=ENCODER, embedding=16, hidden=16, output=16, dropout=0.0),
    plain=EncoderDecoderConfig(encoder=ENCODER, embedding=16, hidden=16, dropout=0.0),
    data=translation.DataConfig(pieces=40, tokens=200, buckets=2, longest=20),
    decode=translation.DecodeConfig(beam=2, batch_size=8),
    label_smoothing=0.0,
)
PLAIN = replace(CONFIG, net="plain")


@pytest.fixture(scope="module")
def workdir(five_words, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "words"
    description = {
        "experiment": "translation",
        "preset": "default",
        "config": train.to_json(CONFIG),
    }
    task = translation.build(CONFIG)
    assert train.fit(task, CONFIG.train, folder, description=description).finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(translation.build(CONFIG), workdir)[0]


def test_it_learns_the_words_and_is_evaluated(model, capsys):
    figures = translation.evaluate(CONFIG, model)
    assert list(figures) == ["test_chapters", "test_books", "net"]
    for each in (figures["test_chapters"], figures["test_books"]):
        assert each["bleu"] == pytest.approx(100)
        assert each["chrf_greedy"] == pytest.approx(100)
        assert each["bleu_words_0"] == pytest.approx(100)  # all have few words
        assert "bleu_many_words" not in each
    assert figures["net"]["million_parameters"] == pytest.approx(0.01, abs=0.005)
    assert "version:" in capsys.readouterr().out  # sacrebleu's signatures


def test_sentences_keep_their_order_whatever_their_length(model):
    asked = ["four", "", "one two three four one two three", "two <0>"]
    told = translation.translate(CONFIG, model, asked)
    assert [each.texts[0] for each in told][1] == ""
    assert told[3].texts[0] == "deux <0>"
    alone = [translation.translate(CONFIG, model, [text])[0].texts for text in asked]
    assert [each.texts for each in told] == alone


def test_the_best_come_first_and_differ(model):
    (told,) = translation.translate(CONFIG, model, ["one two three"], best=3)
    assert told.texts[0] == "un deux trois"
    assert len(set(told.texts)) == 3
    assert sorted(told.scores, reverse=True) == [*told.scores]


def test_where_it_looked_fits_the_pieces(model):
    looked = translation.look(CONFIG, model, "one two three", "un deux trois")
    assert looked.shares.shape == (len(looked.told), len(looked.read))
    np.testing.assert_allclose(looked.shares.sum(axis=1), 1, **FLOAT32)
    assert (looked.told[-1], looked.read[-1]) == ("(end)", "(end)")


def test_memory_and_copy_stand_beside():
    beside = translation.baselines(CONFIG)
    assert [*beside] == ["translation memory", "copy"]
    assert 0 < beside["translation memory"]["test_chapters"]["bleu"] < 100
    assert beside["copy"]["test_books"]["bleu"] < 30


def test_a_net_that_knows_several_translations_is_told_which(model):
    config = replace(CONFIG, data=replace(CONFIG.data, french=("l", "5")))
    task = translation.build(config)
    subwords = _translating.read(config.data).source
    row = task.batches.batch(0)["source"][0]
    assert subwords.pieces(row)[:2] == ("▁", "<to:l>")
    looked = translation.look(config, nnx.clone(model), "one", "un")
    assert looked.read[:2] == ("▁", "<to:l>")
    assert "<to:l>" not in translation.look(CONFIG, model, "one", "un").read


@pytest.mark.parametrize("config", [CONFIG, PLAIN], ids=["luong", "plain"])
def test_eight_devices_have_the_losses_of_one(config):
    check_two_by_four(translation.build, config, FIRST_STEPS)


def test_every_net_and_preset_has_a_task():
    for name, config in translation.PRESETS.items():
        small = replace(config, data=CONFIG.data)
        assert translation.build(small).name == "translation", name


def test_evaluate_writes_figures_and_a_page(workdir, capsys):
    assert evaluate_script.main([str(workdir)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert figures["test_books"]["bleu"] == pytest.approx(100)
    html = (workdir / "report" / "index.html").read_text()
    for title in ("BLEU by length", "Chapters never seen", "sacrebleu"):
        assert title in html
    assert (workdir / "report" / "lengths.png").exists()


def translated(capsys, *arguments):
    status = translate_script.main([*map(str, arguments)])
    return status, capsys.readouterr()


def test_translate_takes_texts(workdir, capsys):
    status, said = translated(capsys, workdir, "one two three", "", "two  %(name)s four")
    assert status == 0
    assert said.out.splitlines() == ["un deux trois", "", "deux %(name)s quatre"]


def test_translate_takes_lines(workdir, capsys, monkeypatch):
    given = b"one four two\n\nthree two one\n\xff\xfe"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    status, said = translated(capsys, workdir)
    assert status == 0
    assert said.out.startswith("un quatre deux\n\ntrois deux un\n")
    assert said.out.count("\n") == 4
    monkeypatch.setattr("sys.stdin", None)
    assert translated(capsys, workdir)[0] == 0


def test_translate_gives_the_best_with_scores(workdir, capsys):
    _, said = translated(capsys, workdir, "--nbest", 2, "one two three")
    first, second = said.out.splitlines()
    assert first.startswith("1.1\t-")
    assert first.endswith("\tun deux trois")
    assert second.startswith("1.2\t-")


def test_translate_survives_what_training_never_saw(workdir, capsys):
    long = " ".join(["one two three four."] * 12)
    many = " ".join(f"{{{number}}}" for number in range(11))
    status, said = translated(capsys, workdir, "漢字 ☃", long, many)
    assert status == 1  # too many placeholders
    assert "10 different placeholders at most" in said.err
    lines = said.out.split("\n")
    assert len(lines) == 4
    assert len(lines[1].split()) > 20


def test_placeholders_are_never_lost(workdir, capsys, monkeypatch):
    nothing = _translating.Told(("rien",), (0.0,))
    monkeypatch.setattr(translation, "translate", lambda *_, **__: [nothing])
    _, said = translated(capsys, workdir, "one %s")
    assert said.out == "rien %s\n"
    assert "left it out: %s" in said.err


def test_translate_draws_where_it_looked(workdir, capsys, tmp_path):
    picture = tmp_path / "map.png"
    assert translated(capsys, workdir, "--attention", picture, "one two")[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    folder = tmp_path / "folder.png"
    folder.mkdir()
    status, said = translated(capsys, workdir, "--attention", folder, "one")
    assert (status, "cannot write" in said.err) == (1, True)
    for wrong, remedy in (("no/map.png", "no folder to lie in"), ("map.pdf", "named .png")):
        arguments = (workdir, "--attention", tmp_path / wrong, "one")
        assert status_of(translate_script.main, *arguments) == 2
        assert remedy in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize("option", ["--length-penalty", "--coverage-penalty"])
def test_a_search_that_could_not_end_is_refused_before_it_begins(workdir, option, capsys):
    assert status_of(evaluate_script.main, workdir, option, -1) == 2
    assert "has to be at least 0; got -1" in capsys.readouterr().err


def test_translate_says_what_is_wrong(tmp_path, capsys):
    status, said = translated(capsys, tmp_path / "nothing", "one")
    assert (status, "Nothing was trained" in said.err) == (1, True)
    assert status_of(translate_script.main, tmp_path, "--nbest", 0, "one") == 2
    assert "--nbest is 1 or more" in capsys.readouterr().err
