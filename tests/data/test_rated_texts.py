"""The rated texts, from an archive of a few that is written here."""

import io
import json
import tarfile

import numpy as np
import pytest

from nnarch.data import rated_texts
from nnarch.data.fetch import DataMissing
from nnarch.data.near_duplicates import near
from nnarch.data.rated_texts import RatedTexts, builder, sources
from nnarch.data.rated_texts.builder import SPLITS
from nnarch.data.rated_texts.sources import KINDS, read
from nnarch.data.rated_texts.splits import Sizes

FEW = Sizes(validation=6, tweets=8, others=0.25)
NEARLY = ("Damn, running late sucks.", "DAMN, running late SUCKS!!!")
FILES = ("tweets", "movieReviewSnippets", "amazonReviewSnippets", "nytEditorialSnippets")


def sentence(rng):
    return " ".join("".join(rng.choice([*"aeioubdkmn"], 4)) for _ in range(6)) + " &amp; :)"


def written(name):
    """Texts and ratings of a kind, as lines of both files; reviews have several sentences."""
    rng = np.random.default_rng(len(name))
    texts, ratings = [], []
    for place in range(40):
        number = f"{place // 4}_{place % 4}" if name.startswith(("amazon", "nyt")) else str(place)
        text = NEARLY[place] if name == "tweets" and place < 2 else sentence(rng)
        single = [int(each) for each in rng.integers(-4, 5, 20)]
        texts.append(f"{number}\t9.9\t{text}")
        ratings.append(f"{number}\t{np.mean(single)}\t1.0\t{single}")
    # What is written with a mark of its bytes' order, and in another order, is read all the same.
    return "\r\n".join(texts), "\ufeff" + "\r\n".join(reversed(ratings))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    place = folder / sources._INNER
    place.parent.mkdir(parents=True)
    contents = {
        "vader_sentiment_lexicon.txt": b"good\t1.5\t0.5\t[1, 2]\r\n:-\xde\t2.0\t0\t[2, 2]\r\n"
    }
    for name in FILES:
        texts, ratings = written(name)
        contents[f"{name}_GroundTruth.txt"] = texts.encode()
        contents[f"{name}_anonDataRatings.txt"] = ratings.encode()
    with tarfile.open(place, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"hutto/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture(autouse=True)
def few(package, monkeypatch):
    monkeypatch.setattr(sources, "fetch", lambda archive: package)
    monkeypatch.setattr(RatedTexts.BUILDER_CONFIGS[0], "sizes", FEW)
    sources._members.cache_clear()
    yield
    sources._members.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture
def splits(folder):
    return rated_texts.load(train=KINDS, folder=folder)


def test_texts_are_joined_with_their_ratings_by_number():
    rows = read("products")
    texts, ratings = written("amazonReviewSnippets")
    assert [row.number for row in rows] == [line.split("\t")[0] for line in texts.split("\r\n")]
    of = {
        line.split("\t")[0]: json.loads(line.split("\t")[3]) for line in ratings[1:].split("\r\n")
    }
    for row in rows:
        np.testing.assert_allclose(row.rating, np.mean(of[row.number]))
        np.testing.assert_allclose(row.deviation, np.std(of[row.number]))
        assert row.raters == 20
        assert row.text.endswith("& :)")


def test_words_of_the_lexicon_are_texts():
    assert [row[2:4] for row in read("words")] == [("good", 1.5), (":-Þ", 2.0)]


def test_splits_have_their_sizes_and_share_no_text(splits):
    assert tuple(splits) == SPLITS
    assert {name: len(split) for name, split in splits.items() if name != "train"} == {
        "validation": 6,
        "tweets": 8,
        "movies": 10,
        "products": 10,
        "editorials": 10,
    }
    train = splits["train"]
    assert set(train.kinds) == set(KINDS)
    for name in SPLITS[1:]:
        assert len(set(splits[name].texts)) == len(splits[name])
        assert not near(train.texts, splits[name].texts).any()
        assert set(splits[name].kinds) == {"tweets" if name == "validation" else name}


def test_what_is_nearly_the_same_is_on_one_side(splits):
    holding = [name for name, split in splits.items() if {*NEARLY} & {*split.texts}]
    assert len(holding) == 1


def test_training_holds_what_is_asked_for_and_tests_stay(splits, folder):
    tweets = rated_texts.load(train=["tweets"], folder=folder)
    assert set(tweets["train"].kinds) == {"tweets"}
    for name in SPLITS[1:]:
        assert tweets[name].texts == splits[name].texts
        np.testing.assert_array_equal(tweets[name].ratings, splits[name].ratings)


def test_it_is_read_once_and_counts_are_kept(splits, folder, monkeypatch):
    monkeypatch.setattr(builder, "read", None)
    again = rated_texts.load(folder=folder, splits=["tweets"])
    assert again["tweets"].texts == splits["tweets"].texts
    place = folder / "rated_texts" / "default" / "1.0.0" / "metadata.json"
    counts = json.loads(place.read_text())["left_out"]
    assert counts["tweets"] == {"repeated": 0, "near_duplicate": 0}
    assert set(counts["train_words"]) == {"repeated", "near_duplicate"}


def test_the_description_tells_source_and_licence(splits, folder):
    info = RatedTexts(data_dir=folder).info
    assert "vaderSentiment 3.3.2" in info.description
    assert "MIT" in info.redistribution_info.license


def test_what_there_is_not_is_refused(folder):
    with pytest.raises(ValueError, match=r"got \('letters',\)\. Name those"):
        rated_texts.load(train=["letters"], folder=folder)
    with pytest.raises(ValueError, match="one or more"):
        rated_texts.load(train=[], folder=folder)
    with pytest.raises(ValueError, match="expected splits"):
        rated_texts.load(splits=["test"], folder=folder)


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    def missing(archive):
        raise DataMissing("put it there")

    monkeypatch.setattr(sources, "fetch", missing)
    with pytest.raises(DataMissing, match="put it there"):
        rated_texts.load(folder=tmp_path)
