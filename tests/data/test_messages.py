"""Messages, from catalogues that are written here; and how they are cleaned and cut."""

import json

import numpy as np
import polib
import pytest

from nnarch.data import translations
from nnarch.data.fetch import DataMissing
from nnarch.data.messages import builder, catalogues
from nnarch.data.messages.builder import DETAILS, SPLITS, Messages
from nnarch.data.messages.catalogues import NEW_PACKAGE, PACKAGES, Message, read
from nnarch.data.messages.splits import Pair, Sizes, clean, cut
from nnarch.data.near_duplicates import near
from nnarch.data.placeholders import restore

FEW = Sizes(same_packages=12, validation=6)
OPEN = ("Open the file %(name)s", "Ouvrir le fichier %(name)s")


def words(seed, count):
    rng = np.random.default_rng(seed)
    return " ".join("".join(rng.choice([*"aeioubdkmnrst"], 5)) for _ in range(count))


def entries_of(number):
    """Forty messages of its own, one that all packages have, a plural, and some to be left out."""
    own = [(words([number, 0, n], 4), words([number, 1, n], 5)) for n in range(40)]
    told = [polib.POEntry(msgid=en, msgstr=fr) for en, fr in [*own, OPEN]]
    plural = {0: f"%d jour {number}", 1: f"%d jours {number}"}
    return [
        *told,
        polib.POEntry(
            msgid=f"%d day {number}", msgid_plural=f"%d days {number}", msgstr_plural=plural
        ),
        polib.POEntry(msgid="fuzzy one", msgstr="une douteuse", flags=["fuzzy"]),
        polib.POEntry(msgid="not translated", msgstr=""),
        polib.POEntry(msgid="Old words", msgstr="Vieux mots", obsolete=True),
        polib.POEntry(msgid="Page", msgstr="Feuille", msgctxt="manual"),
    ]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A folder for each package; the first has its catalogue compiled alone, the others both."""
    folders = {}
    for number, package in enumerate((*PACKAGES, NEW_PACKAGE)):
        folders[package.name] = tmp_path_factory.mktemp(package.name)
        place = folders[package.name] / "app" / "locale" / "fr" / "LC_MESSAGES"
        place.mkdir(parents=True)
        catalogue = polib.POFile()
        catalogue.metadata = {"Content-Type": "text/plain; charset=utf-8"}
        catalogue.extend(entries_of(number))
        catalogue.save_as_mofile(str(place / "django.mo"))
        if number:
            catalogue.save(str(place / "django.po"))
    return folders


@pytest.fixture(autouse=True)
def few(unpacked, monkeypatch):
    monkeypatch.setattr(catalogues, "fetch", lambda archive: unpacked[archive.name])
    for config in Messages.BUILDER_CONFIGS:
        monkeypatch.setattr(config, "sizes", FEW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture
def splits(folder):
    return translations.load("messages", folder=folder)


@pytest.mark.parametrize("package", PACKAGES[:2], ids=["compiled", "source"])
def test_a_catalogue_gives_what_is_translated(package):
    found = read(package)
    number = PACKAGES.index(package)
    assert len(found) == 40 + 1 + 2 + number  # the fuzzy one is not compiled
    told = {message.english: message.french for message in found}
    assert told[f"%d day {number}"] == f"%d jour {number}"
    assert told[f"%d days {number}"] == f"%d jours {number}"
    assert not told.keys() & {"", "not translated", "Old words", "Page"}
    assert [message.english for message in found if message.fuzzy] == ["fuzzy one"] * number


def test_a_wheel_without_catalogues_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogues, "fetch", lambda archive: tmp_path)
    with pytest.raises(DataMissing, match="there is none"):
        read(PACKAGES[0])


def test_splits_hold_messages_of_their_packages(splits):
    assert tuple(splits) == SPLITS
    assert [len(splits[name]) for name in SPLITS[1:]] == [6, 12, 43]
    assert set(splits["new_package"].details["package"]) == {NEW_PACKAGE.name}
    for name in ("train", "validation", "same_packages"):
        assert set(splits[name].details["package"]) <= {package.name for package in PACKAGES}
    for split in splits.values():
        assert set(split.details) == set(DETAILS)


def test_nothing_that_is_held_out_is_nearly_trained_on(splits):
    train = splits["train"]
    for name in SPLITS[1:]:
        assert len(set(splits[name].source)) == len(splits[name])
        assert not near(train.source, splits[name].source).any()
        assert not near(train.target, splits[name].target).any()
    assert "Open the file <0>" in splits["new_package"].source


def test_placeholders_are_told(splits):
    split = splits["new_package"]
    row = split.source.index("Open the file <0>")
    stands_for = json.loads(split.details["placeholders"][row])
    assert restore(split.target[row], stands_for) == OPEN[1]


def test_counts_are_told(splits, folder, tmp_path, caplog):
    place = folder / "messages" / "default" / "1.0.0" / "metadata.json"
    counts = json.loads(place.read_text())["left_out"]
    assert counts["pretix"]["fuzzy"] == 1
    assert counts["train"] == {"repeated": 3, "near_duplicate": 1}
    again = translations.load("messages", folder=tmp_path)
    assert {name: split.source for name, split in again.items()} == {
        name: split.source for name, split in splits.items()
    }
    assert "messages, pretix: 43 pairs; left out: 1 fuzzy" in caplog.text


def test_it_is_read_once(splits, folder, monkeypatch):
    monkeypatch.setattr(builder, "read", None)
    again = translations.load("messages", folder=folder, splits=["new_package"])
    assert again["new_package"].source == splits["new_package"].source


def test_everything_that_is_missing_is_told_at_once(tmp_path, monkeypatch):
    def missing(archive):
        raise DataMissing("put it there")

    monkeypatch.setattr(catalogues, "fetch", missing)
    with pytest.raises(DataMissing, match="put it there\nput it there"):
        translations.load("messages", folder=tmp_path)
    assert not list(tmp_path.rglob("*.array_record*"))


def test_the_description_tells_sources_and_licences(splits, folder):
    info = Messages(data_dir=folder).info
    assert "gramps 6.0.8, pretix 2026.8.0" in info.description
    assert "weblate: GPL-3.0-or-later" in info.redistribution_info.license


@pytest.mark.parametrize(
    ("english", "french", "reason"),
    [
        ("Hello.\n\nBye.", "Bonjour.\n \nAu revoir.", "paragraphs"),
        ("a " * 61, "b", "too_long"),
        ("a", "b " * 61, "too_long"),
        ("Wagtail", "Wagtail", "the_same"),
        ("%(a)s: 3", "%(a)s : 3", "no_words"),
        ("%s of %s", "%s / %s", "no_words"),
        ("%s of %s", "%s", "placeholders"),
        (" ".join(f"x {{{n}}}" for n in range(11)), "y" + str(range(11)), "placeholders"),
    ],
)
def test_what_is_not_worth_learning_from_is_left_out(english, french, reason):
    pairs, left_out = clean([Message("p", english, french, fuzzy=False)], longest=60)
    assert pairs == []
    assert {name for name, count in left_out.items() if count} == {reason}


@pytest.mark.parametrize(
    ("english", "french", "source", "target"),
    [
        ("\nTwo\nlines\u00a0:\n", "Deux\nlignes\u202f:", "Two lines :", "Deux lignes :"),
        ("_Edit", "_Modifier…", "Edit", "Modifier..."),
        ("E_xit %(a_b)s", "%(a_b)s _quitter", "Exit <0>", "<0> quitter"),
        ("SOME_BIG_NAME is", "SOME_BIG_NAME est", "SOME_BIG_NAME is", "SOME_BIG_NAME est"),
    ],
)
def test_messages_are_cleaned(english, french, source, target):
    message = Message("p", english, french, fuzzy=False)
    pairs, _ = clean([message, message], longest=60, mnemonics=True)
    assert [pair[1:3] for pair in pairs] == [(source, target)]


def test_an_underscore_stays_where_it_marks_no_letter():
    pairs, _ = clean([Message("p", "a _b", "c _d", fuzzy=False)], longest=60)
    assert pairs[0].source == "a _b"


def test_other_translations_of_a_held_out_message_are_left_out():
    same = [Pair("p", "open it", french, ()) for french in ("ouvre", "ouvrez")]
    new = [Pair("q", "close it", french, ()) for french in ("ferme", "fermez")]
    sizes = Sizes(same_packages=1, validation=0)
    splits, left_out = cut(same, new, sizes=sizes, seed=0)
    assert [pair.target for pair in splits["same_packages"]] == ["ouvre"]
    assert [pair.target for pair in splits["new_package"]] == ["ferme"]
    assert splits["train"] == []
    assert left_out["same_packages"] == {"other_translation": 1}


def test_a_split_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"got \['test'\]\. Name those"):
        translations.load("messages", folder=tmp_path, splits=["test"])


@pytest.mark.parametrize("side", ["source", "target"])
def test_nearly_the_same_on_one_side_is_enough_to_be_left_out(side):
    held = Pair("q", "close all the open files now", "ferme tous les fichiers ouverts", ())
    other = held._replace(**{side: "something else"})
    splits, left_out = cut([other], [held], sizes=Sizes(0, 0), seed=0)
    assert splits["train"] == []
    assert left_out["train"] == {"repeated": 0, "near_duplicate": 1}
