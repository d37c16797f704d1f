"""Choosing among captioned pictures."""

import numpy as np
import pytest

from nnarch.data.captions import Captioned, pictures_alone


@pytest.fixture
def split():
    names = ("red cat", "dog", "red dog")
    return Captioned(
        pictures=np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((2, 2, 3), np.uint8),
        captions=tuple((tuple(name.split()),) for name in names),
        accepted=tuple(frozenset([name]) for name in names),
        details={"artist": ("ann", "bob", "ann")},
    )


def test_where_takes_everything_of_the_pictures_along(split):
    chosen = split.where("artist", ["ann"])
    assert len(chosen) == 2
    assert chosen.pictures[:, 0, 0, 0].tolist() == [0, 2]
    assert chosen.captions == ((("red", "cat"),), (("red", "dog"),))
    assert chosen.accepted == (frozenset(["red cat"]), frozenset(["red dog"]))
    assert chosen.details == {"artist": ("ann", "ann")}


def test_what_there_is_not_is_refused(split):
    with pytest.raises(ValueError, match=r"details \['artist'\]; got 'tone'"):
        split.where("tone", ["dark"])
    with pytest.raises(ValueError, match=r"Choose among \['ann', 'bob'\]"):
        split.where("artist", ["dan"])


def test_pictures_alone_come_in_order(split):
    batch = pictures_alone(split).batch(np.arange(3), {})
    np.testing.assert_array_equal(batch["picture"], split.pictures)
