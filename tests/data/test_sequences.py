"""Sums, sequences to repeat and parities: right, of the published form, and apart by split."""

import numpy as np
import pytest

from nnarch.data.sequences import Addition, Memorisation, Parity, check_enough, draw_of

PROBLEMS = [Addition(3), Memorisation(3, 20), Parity(18), Addition(3, 0.5), Parity(18, 0.5)]
FAIR = PROBLEMS[:3]
SPLITS = ("train", "validation", "test")


def rng(seed=0):
    return np.random.default_rng(seed)


def test_sums_are_those_of_python():
    problems = Addition(5)
    drawn = problems.draw(rng(), 200)
    assert drawn["inputs"].shape == (200, 19)
    lengths = set()
    for read, asked in zip(*map(drawn.get, ("inputs", "targets")), strict=True):
        _, first, second, *gaps = problems.show(read).split("-")
        assert not any(gaps)
        assert len(first) == len(second) == 5
        assert first[0] != "0" != second[0]
        told = problems.show(asked)
        assert told.rstrip("-") == str(int(first) + int(second))
        assert len(told) == 7
        lengths.add(len(told.rstrip("-")))
    assert lengths == {5, 6}


class Drawn:
    """A generator that draws 123 and 899."""

    def integers(self, low, high, size):
        numbers = np.array([[[1, 2, 3]], [[8, 9, 9]]])
        return numbers if len(size) == 3 else numbers[..., 0]


def test_the_published_example():
    """Asked from the delimiter behind the second number on."""
    drawn = Addition(3).draw(Drawn(), 1)
    read, asked = (Addition(3).show(drawn[name][0]) for name in ("inputs", "targets"))
    assert (read, asked) == ("-123-899-----", "1022-")


def test_sequences_are_repeated_and_ended():
    problems = Memorisation(8, 64)
    drawn = problems.draw(rng(), 100)
    assert drawn["inputs"].shape == (100, 18)
    assert drawn["targets"].shape == (100, 9)
    np.testing.assert_array_equal(drawn["inputs"][:, 1:9], drawn["targets"][:, :8])
    assert not drawn["inputs"][:, [0, *range(9, 18)]].any()
    assert not drawn["targets"][:, 8].any()
    assert set(np.unique(drawn["targets"][:, :8])) == set(range(1, 65))
    assert problems.classes == 65
    assert problems.show(np.array([3, 64, 0])) == "3 64 -"


def test_parities():
    drawn = Parity(12).draw(rng(), 100)
    odd = [row.tolist().count(1) % 2 for row in drawn["inputs"]]
    np.testing.assert_array_equal(drawn["targets"][:, 0], odd)
    assert Parity(12).show(drawn["inputs"][0]) == "".join(map(str, drawn["inputs"][0]))


def numbers_of(inputs):
    """Digits [2, N, 5] of what is read."""
    return np.stack([inputs[:, 1:6], inputs[:, 7:12]]) - 1


def test_easier_sums_have_zeros_at_any_place():
    inputs, asked = Addition(5, easier=0.5).draw(rng(), 4000).values()
    digits = numbers_of(inputs)
    begins_with_zero = (digits[..., 0] == 0).any(axis=0)
    assert 0.3 < begins_with_zero.mean() < 0.4  # half, of which two in three lose a first digit
    zeros = (digits == 0).mean(axis=(0, 1))
    np.testing.assert_allclose(zeros, [0.25, *[0.325] * 4], atol=0.02)  # a half of the half
    powers = 10 ** np.arange(5)[::-1]
    sums = (digits @ powers).sum(axis=0)
    told = [int(Addition(5).show(row).rstrip("-")) for row in asked]
    np.testing.assert_array_equal(told, sums)


def test_easier_parities_have_few_bits():
    inputs, asked = Parity(20, easier=0.5).draw(rng(), 4000).values()
    # All of half of them, and of the other half the mean of a cube: a quarter.
    np.testing.assert_allclose(inputs.mean(axis=0), 0.5 * (0.5 + 0.125), atol=0.03)
    counts = np.bincount(inputs.sum(axis=1), minlength=21) / 4000
    assert (counts[:3] > 0.03).all()
    np.testing.assert_array_equal(asked[:, 0], inputs.sum(axis=1) % 2)


@pytest.mark.parametrize("problems", PROBLEMS, ids=str)
def test_no_problem_is_in_two_splits(problems):
    seen = {
        split: set(map(bytes, draw_of(problems, split, rng(number), 300)["inputs"]))
        for number, split in enumerate(SPLITS)
    }
    assert all(len(of) > 10 for of in seen.values())
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not seen["validation"] & seen["test"]


@pytest.mark.parametrize("problems", FAIR, ids=str)
def test_a_split_is_a_fair_sample(problems):
    """As many as were asked, of the classes that training sees, and about as often."""
    train, test = (draw_of(problems, split, rng(), 2000)["targets"] for split in ("train", "test"))
    assert train.shape == test.shape
    shares = [np.bincount(t.ravel(), minlength=problems.classes) / t.size for t in (train, test)]
    assert np.abs(shares[0] - shares[1]).max() < 0.05


def test_the_same_seed_draws_the_same():
    first, again, other = (draw_of(Addition(5), "train", rng(s), 9)["inputs"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_too_few_problems_cannot_be_split():
    with pytest.raises(ValueError, match="Make them longer"):
        draw_of(Parity(8), "train", rng(), 4)
    with pytest.raises(ValueError, match="Make them longer"):
        check_enough(Addition(-1))
