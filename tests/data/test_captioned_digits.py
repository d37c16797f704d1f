"""Captioned digits: what is said of a picture is what stands there."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnarch.data import captioned_digits as data
from nnarch.data.mnist import Digits


@pytest.fixture(scope="module")
def digits():
    """Digits whose pictures tell which they are: a block, one pixel wider for each."""
    pictures = np.zeros((20, 28, 28), np.uint8)
    for row, label in enumerate(np.arange(20) % 10):
        pictures[row, 4:24, 4 : 6 + label] = 255
    return Digits(pictures, np.arange(20, dtype=np.int32) % 10)


def read(ink):
    """Of a picture with one block: which it is, and its middle."""
    rows, columns = np.nonzero(ink)
    return np.ptp(columns) - 1, rows.mean(), columns.mean()


@pytest.mark.parametrize("count", [1, 2])
def test_held_out_combinations_are_of_parts_that_are_seen(count):
    split = data.scenes(count)
    seen, unseen = ({scene.answer for scene in split[name]} for name in ("seen", "unseen"))
    assert not seen & unseen
    assert len(seen | unseen) == np.prod(data.answer_sizes(count))
    assert 0.15 < len(unseen) / len(seen | unseen) < 0.25
    for part, size in enumerate(data.answer_sizes(count)):
        assert {answer[part] for answer in seen} == set(range(size))
    assert len({answer[-1] for answer in unseen}) == data.answer_sizes(count)[-1]


def test_one_digit_stands_in_the_corner_that_is_told(digits):
    batch = data.Pages(digits).draw(np.random.default_rng(0), 50, data.scenes(1)["seen"])
    for picture, (digit, place), tokens, length in zip(
        batch["picture"], batch["answer"], batch["tokens"], batch["lengths"], strict=True
    ):
        found, row, column = read(picture)
        assert found == digit
        assert 2 * (row > 30) + (column > 30) == place
        words = " ".join(data.VOCABULARY.decode(tokens[:length]))
        assert words == f"the digit {data.NAMES[digit]} is at the {data.PLACES[place]}"


def test_two_digits_stand_as_is_told_either_way_round(digits):
    pages, rng = data.Pages(digits), np.random.default_rng(0)
    beside, above = data.Scene((3, 8), 0), data.Scene((3, 8), 1)
    for _ in range(10):
        for scene, axis in ((beside, 1), (above, 0)):
            halves = np.split(pages.picture(rng, scene), 2, axis=axis)
            assert [read(half)[0] for half in halves] == [3, 8]
    assert beside.captions == (
        "the digit three is to the left of the digit eight",
        "the digit eight is to the right of the digit three",
    )
    assert above.captions[1] == "the digit eight is below the digit three"


def test_a_batch_depends_on_its_seed_alone():
    small = load_digits()
    pictures = 16 * small.images[:100].clip(0, 15).astype(np.uint8)
    pictures = np.pad(pictures, [(0, 0), (10, 10), (10, 10)])
    pages = data.Pages(Digits(pictures, small.target[:100].astype(np.int32)))
    one, same, other = (
        pages.draw(np.random.default_rng(seed), 8, data.scenes(2)["seen"]) for seed in (1, 1, 2)
    )
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["picture"] != other["picture"]).any()
    assert set(np.unique(one["picture"])) == {0, 1}


def test_captions_that_say_nothing_known_are_refused():
    encoded = data.encode(["The digit THREE is at the top left.", "three"], digits=1)
    assert encoded["lengths"].tolist() == [8, 1]
    for wrong in ("", "the digit eleven is at the top left", "<pad>"):
        with pytest.raises(ValueError, match="expected a caption such as 'the digit three"):
            data.encode([wrong], digits=1)
    beside = "the digit three is to the left of the digit eight"
    with pytest.raises(ValueError, match="'to', 'of'"):
        data.encode([beside], digits=1)
    with pytest.raises(ValueError, match=f"such as '{beside}'.*'at'"):
        data.encode(["the digit three is at the left"], digits=2)
    with pytest.raises(ValueError, match="1 or 2"):
        data.scenes(3)
