"""The builder: on drawings made here, in seconds; and once on the real ones, if they can be had."""

import hashlib
import io
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nnarch.data import captions
from nnarch.data.emoji import artists, builder
from nnarch.data.emoji.artists import Artist, draw
from nnarch.data.emoji.builder import SPLITS, Emoji, load
from nnarch.data.emoji.names import all_names
from nnarch.data.emoji.splits import SplitSizes
from nnarch.data.fetch import DataMissing

BASES = ("firefighter", "waving hand", "owl", "egg", "zombie", "judge", "canada")


def drawings_of(artist):
    """A disc for each emoji, its colour told by artist and code points; zombies all look alike."""
    names = {key: name for key, name in all_names().items() if name.base in BASES}

    def drawing(key, name):
        seed = artist if name.base == "zombie" else artist + key
        colour = hashlib.sha256(seed.encode()).hexdigest()[:6]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
            f'<circle cx="4" cy="4" r="3" fill="#{colour}"/></svg>'
        )

    return lambda: {key: drawing(key, name) for key, name in names.items()}


@pytest.fixture
def four_artists(monkeypatch):
    trained = tuple(Artist(n, f"{n}'s", "free", drawings_of(n)) for n in ("ann", "bob", "cat"))
    monkeypatch.setattr(builder, "TRAINED", trained)
    monkeypatch.setattr(builder, "UNSEEN", Artist("dan", "dan's", "free", drawings_of("dan")))
    sizes = SplitSizes(new=1, composed=6, validation=4)
    for config in Emoji.BUILDER_CONFIGS:
        monkeypatch.setattr(config, "held_out", sizes)


@pytest.fixture
def splits(four_artists, tmp_path):
    return load(folder=tmp_path)


def test_splits_hold_pictures_and_names(splits):
    assert tuple(splits) == SPLITS
    assert [len(splits[name]) for name in ("validation", "composed")] == [12, 18]
    for split in splits.values():
        assert split.pictures.shape == (len(split), 48, 48, 3)
        assert split.pictures.dtype == np.uint8
        for words, name in zip(split.captions, split.details["name"], strict=True):
            assert words == (tuple(name.split()),)
    assert set(splits["new_artist"].details["artist"]) == {"dan"}
    assert set(splits["train"].details["artist"]) == {"ann", "bob", "cat"}


def test_the_unseen_artist_shows_what_training_shows(splits):
    trained, unseen = (set(splits[name].details["code_points"]) for name in ("train", "new_artist"))
    assert unseen == trained


def test_names_of_identical_pictures_are_accepted(splits):
    for split in splits.values():
        for base, name, accepted in zip(
            split.details["base"], split.details["name"], split.accepted, strict=True
        ):
            alike = {"zombie", "man zombie", "woman zombie"} if base == "zombie" else {name}
            assert accepted == alike


def test_the_digest_is_of_the_pixels(splits):
    train = splits["train"]
    for picture, digest in zip(train.pictures, train.details["digest"], strict=True):
        assert hashlib.sha256(picture.tobytes()).hexdigest() == digest


def test_it_is_built_once(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "draw", None)
    again = load(folder=tmp_path, splits=["new"])
    np.testing.assert_array_equal(again["new"].pictures, splits["new"].pictures)


def test_processes_that_want_the_set_at_once_share_one(four_artists, tmp_path):
    """Threads stand in for them: the lock is on the file, and each opens its own."""
    with ThreadPoolExecutor(3) as threads:
        loads = [threads.submit(load, folder=tmp_path) for _ in range(3)]
        counts = [{name: len(split) for name, split in done.result().items()} for done in loads]
    assert counts[0] == counts[1] == counts[2]
    assert not list(tmp_path.rglob("*incomplete*"))


def test_the_description_tells_sources_and_licences(splits, tmp_path):
    info = Emoji(config="pixels48", data_dir=tmp_path).info
    assert "ann: ann's, licence free" in info.description
    assert "dan: free" in info.redistribution_info.license


def test_everything_that_is_missing_is_told_at_once(four_artists, monkeypatch, tmp_path):
    def missing():
        raise DataMissing("put it there")

    gone = tuple(replace(artist, drawings=missing) for artist in builder.TRAINED)
    monkeypatch.setattr(builder, "TRAINED", gone)
    with pytest.raises(DataMissing, match="put it there\nput it there\nput it there"):
        load(folder=tmp_path)
    assert not list(tmp_path.rglob("*.array_record*"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataMissing, match="or name another folder"):
        load(folder=tmp_path / "file")


def test_names_and_sizes_that_there_are_not_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of \[48, 64\] pixels; got 50"):
        captions.load("emoji", size=50, folder=tmp_path)
    with pytest.raises(ValueError, match=r"got \['test'\]"):
        captions.load("emoji", splits=["test"], folder=tmp_path)
    with pytest.raises(ValueError, match=r"among \['coco_captions', 'emoji'\]; got 'emojis'"):
        captions.load("emojis")


def test_a_drawing_that_is_no_square_is_centred():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><path d="M0 0h8v4H0z"/></svg>'
    pixels = np.asarray(draw(svg, 16))
    assert pixels.shape == (16, 16, 3)
    assert (pixels[4:12] == 0).all()
    assert (pixels[[0, 3, 12, 15]] == 255).all()


def test_openmoji_is_installed_and_nearly_whole():
    drawings = artists._openmoji()
    assert len(drawings.keys() & all_names().keys()) == 3_944


def test_the_real_set_keeps_its_promises(tmp_path):
    """One build, some 10 s: drawn afresh, from archives that are fetched once."""
    try:
        splits = load(folder=tmp_path)
    except DataMissing as error:
        pytest.skip(str(error))
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 9_008,
        "validation": 480,
        "composed": 1_200,
        "new_artist": 2_415,
        "new": 873,
    }
    assert_no_picture_in_two_splits(splits)
    assert_emoji_stay_on_one_side(splits)
    train, new = splits["train"], splits["new"]
    assert not set(train.details["base"]) & set(new.details["base"])
    assert set(splits["new_artist"].details["code_points"]) <= set(train.details["code_points"])
    assert set(splits["composed"].details["artist"]) == {"openmoji", "twemoji", "noto"}
    reread = Image.open(io.BytesIO(builder.Picture.of(Image.fromarray(train.pictures[0])).png))
    np.testing.assert_array_equal(np.asarray(reread), train.pictures[0])


def assert_no_picture_in_two_splits(splits):
    seen_in = defaultdict(set)
    for name, split in splits.items():
        for picture in split.pictures:
            seen_in[picture.tobytes()].add(name)
    assert max(map(len, seen_in.values())) == 1


def assert_emoji_stay_on_one_side(splits):
    sides = defaultdict(set)
    for name, split in splits.items():
        for code_points in split.details["code_points"]:
            sides[code_points].add(name)
    shared = {tuple(sorted(found)) for found in sides.values() if len(found) > 1}
    assert shared == {("new_artist", "train")}
