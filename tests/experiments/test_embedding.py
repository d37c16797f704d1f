"""The embedding experiment from end to end on twelve coloured squares, and vector arithmetic."""

import json
from dataclasses import replace

import numpy as np
import pytest
from data.coloured_squares import COLOURS, SIZE, load, split
from tolerances import FIRST_STEPS, FLOAT32
from train.two_steps import check_two_by_four

from experiments import captioning, embedding
from experiments._swaps import WORDS, Placed, moved
from nnarch import train
from nnarch.data.captions import Captioned
from scripts import evaluate as evaluate_script

CONFIG = embedding.Config(
    train=train.TrainConfig(
        steps=60,
        learning_rate=1e-2,
        warmup_steps=5,
        evaluate_every=60,
        checkpoint_every=60,
        mesh=train.MeshConfig(data=1),
    ),
    model=embedding.VisualSemanticConfig(
        features=16, embedding=16, widths=(8, 8), strides=(2, 2), dropout=0.0
    ),
    data=embedding.DataConfig(size=SIZE, batch_size=12),
    augmentation=embedding.AugmentationConfig(shift=1.0),
    decode=embedding.DecodeConfig(batch_size=8, max_length=5),
)


@pytest.fixture(scope="module", autouse=True)
def squares():
    """The data set of this file instead of the emoji."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding.data, "load", load)
        _forget()
        yield
    _forget()


def _forget():
    embedding.read.cache_clear()
    embedding.baselines.cache_clear()


@pytest.fixture(scope="module")
def workdir(squares, tmp_path_factory):
    """A run that has been trained."""
    folder = tmp_path_factory.mktemp("runs") / "squares"
    description = {"experiment": "embedding", "preset": "default", "config": train.to_json(CONFIG)}
    result = train.fit(embedding.build(CONFIG), CONFIG.train, folder, description=description)
    assert result.finished
    return folder


@pytest.fixture(scope="module")
def model(workdir):
    return train.restore(embedding.build(CONFIG), workdir)[0]


def test_it_learns_to_find_colours_both_ways(model):
    figures = embedding.evaluate(CONFIG, model)
    assert list(figures) == ["test_composed", "test_new_artist", "test_new"]
    for each in figures.values():
        assert each["names_recall_at_1"] == each["pictures_recall_at_1"] == 100
        assert each["names_median_rank"] == each["pictures_median_rank"] == 1


def test_a_name_that_training_did_not_show_is_placed(model):
    vectors = embedding.place_texts(CONFIG, model, ["violet square", "red square", ""])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, **FLOAT32)
    assert embedding.unknown_words(CONFIG, "violet square violet") == ["violet"]


def test_places_do_not_depend_on_the_batch(model):
    texts = [f"{colour} square" for colour in COLOURS] * 3
    whole = embedding.place_texts(CONFIG, model, texts)
    one = embedding.place_texts(CONFIG, model, texts[5:6])
    np.testing.assert_allclose(one[0], whole[5], **FLOAT32)


def test_what_belongs_together_is_marked_in_a_batch():
    """Two drawings of one name; two names of one drawing."""
    few = split(margin=2).take([0, 4, 1, 2])
    few = replace(few, accepted=(few.accepted[0] | few.accepted[2], *few.accepted[1:]))
    _, vocabulary = embedding.read(CONFIG.data)
    batch = embedding.examples(few, vocabulary).batch(np.arange(4), {"tokens": 3})
    expected = np.eye(4, dtype=bool)
    expected[0, 1] = expected[1, 0] = expected[0, 2] = True
    found = embedding._belong_together(batch["name"], batch["accepted"])
    np.testing.assert_array_equal(found, expected)


def test_two_steps_on_two_by_four_devices_are_those_of_one():
    """Negatives come from all devices; of the presets the two that the run above is not of."""
    config = replace(
        CONFIG,
        data=replace(CONFIG.data, batch_size=8),
        model=replace(CONFIG.model, text=embedding.PRESETS["sum"].model.text),
        negatives=embedding.PRESETS["hardest"].negatives,
    )
    check_two_by_four(embedding.build, config, FIRST_STEPS)


def test_presets_survive_json():
    for preset in embedding.PRESETS.values():
        text = json.dumps(train.to_json(preset))
        assert train.from_json(embedding.Config, json.loads(text)) == preset


@pytest.fixture
def captioner(tmp_path):
    """A run of captioning, of one step."""
    config = captioning.Config(
        train=replace(CONFIG.train, steps=1),
        model=captioning.ShowAndTellConfig(hidden=8, embedding=8, widths=(8,), strides=(4,)),
        data=CONFIG.data,
        decode=captioning.DecodeConfig(max_length=4, batch_size=8, beam=2),
    )
    description = {"experiment": "captioning", "preset": "default", "config": train.to_json(config)}
    folder = tmp_path / "captioner"
    train.fit(captioning.build(config), config.train, folder, description=description)
    return folder


def test_evaluate_writes_figures_baselines_and_a_report(workdir, captioner, capsys):
    assert evaluate_script.main([str(workdir), "--captioner", str(captioner)]) == 0
    figures = json.loads((workdir / "metrics.json").read_text())
    assert figures["test_composed"]["names_recall_at_10"] == 100
    decoded = json.loads((workdir / "evaluation.json").read_text())
    assert decoded["steps"] == CONFIG.train.steps
    assert "captioner" not in decoded["decode"]  # it changes no figure of the run
    beside = json.loads((workdir / "baselines.json").read_text())
    assert list(beside) == ["nearest neighbour on pixels", "captioning, then words"]
    assert beside["nearest neighbour on pixels"]["test_composed"]["names_recall_at_1"] == 100
    page = (workdir / "report" / "index.html").read_text()
    for words in ("Names for pictures", "Pictures for names", "Arithmetic", "green square"):
        assert words in page
    assert "composed" in capsys.readouterr().out


def test_a_captioner_that_is_none_is_told(workdir, capsys):
    assert evaluate_script.main([str(workdir), "--captioner", str(workdir)]) == 1
    assert "expected a run of captioning" in capsys.readouterr().err


# Someone in two genders and two tones, each along an axis of its own.
AXES = {"woman": (0, 1), "man": (0, -1), "light": (1, 1), "dark": (1, -1)}


def people(*rows):
    """Rows of (base, tone, gender, digest)."""
    names = [f"{gender} {base} {tone} skin tone" for base, tone, gender, _ in rows]
    bases = [("firefighter", "nurse").index(base) for base, *_ in rows]
    vectors = np.eye(4)[[2 + base for base in bases]]
    for vector, (_, tone, gender, _) in zip(vectors, rows, strict=True):
        for word in (tone, gender):
            axis, sign = AXES[word]
            vector[axis] = sign
    details = dict(zip(("base", "tone", "gender", "digest"), zip(*rows, strict=True), strict=True))
    pictures = Captioned(
        np.zeros((len(rows), 1, 1, 3), np.uint8),
        tuple((tuple(name.split()),) for name in names),
        tuple(frozenset([name]) for name in names),
        details,
    )
    return Placed(pictures, vectors)


def words():
    return {
        word: np.eye(4)[axis] * sign
        for word in WORDS
        for axis, sign in [AXES[word.removesuffix(" skin tone")]]
    }


def test_a_word_less_and_a_word_more_find_the_other():
    asked = people(("firefighter", "light", "woman", "a"))
    pool = people(
        ("firefighter", "light", "woman", "a"),
        ("firefighter", "light", "man", "b"),
        ("firefighter", "dark", "woman", "c"),
        ("nurse", "light", "man", "d"),
    )
    gender, tone = moved(asked, pool, words())
    assert (gender.swap.after, tone.swap.after) == ("man", "dark")
    for found, right in ((gender, 1), (tone, 2)):
        np.testing.assert_array_equal(np.flatnonzero(found.matches[0]), [right])
        assert found.scores[0].argmax() == right
        assert found.scores[0, 0] == found.unmoved[0, 0] == -np.inf


def test_what_has_no_answer_is_not_asked():
    """A picture that is that of the man too, and one that nobody drew as a man."""
    asked = people(("firefighter", "light", "woman", "a"), ("nurse", "light", "woman", "e"))
    pool = people(("firefighter", "light", "woman", "a"), ("firefighter", "light", "man", "a"))
    assert moved(asked, pool, words()) == []


def test_a_word_that_is_not_in_the_name_is_not_taken_away():
    asked = people(("firefighter", "light", "woman", "a"))
    plural = replace(asked.pictures, captions=((("women", "holding", "hands"),),))
    pool = people(("firefighter", "light", "man", "b"))
    assert moved(Placed(plural, asked.vectors), pool, words()) == []


def test_a_captioner_of_pictures_of_another_size_is_told(workdir, captioner, capsys):
    path = captioner / "config.json"
    config = json.loads(path.read_text())
    config["config"]["data"]["size"] = 48
    path.write_text(json.dumps(config))
    assert evaluate_script.main([str(workdir), "--captioner", str(captioner)]) == 1
    assert "reads pictures of 48 pixels a side" in capsys.readouterr().err
