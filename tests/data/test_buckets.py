"""The plan of batches: every example once an epoch, told by seed and number, few buckets mixed."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnarch.data.buckets import POOL_BATCHES, Plan, choose_bounds


def padding(lengths, bounds):
    return sum(min(bound for bound in bounds if bound >= length) - length for length in lengths)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 5))
def test_bounds_cause_the_least_padding_of_all_choices(lengths, count):
    bounds = choose_bounds(np.array(lengths), count)
    others = sorted(set(lengths))[:-1]
    best = min(
        padding(lengths, (*chosen, max(lengths)))
        for size in range(min(count, len(others) + 1))
        for chosen in combinations(others, size)
    )
    assert list(bounds) == sorted(set(bounds))
    assert len(bounds) <= count
    assert bounds[-1] == max(lengths)
    assert padding(lengths, bounds) == best


@pytest.mark.parametrize(("lengths", "count"), [([], 1), ([3], 0)])
def test_bounds_of_nothing_are_refused(lengths, count):
    with pytest.raises(ValueError, match="at least one bucket of at least one example"):
        choose_bounds(np.array(lengths), count)


def plan(examples=50, batch_size=4, seed=0, buckets=3):
    return Plan(np.random.default_rng(9).integers(0, buckets, examples), batch_size, seed)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 3))
def test_every_example_comes_once_in_each_epoch(examples, batch_size, seed):
    chosen = plan(examples, batch_size, seed)
    drawn = np.concatenate([chosen(number)[0] for number in range(POOL_BATCHES)])
    counts = np.bincount(drawn, minlength=examples)
    assert counts.max() - counts.min() <= 1


def test_the_plan_follows_from_seed_and_number_alone():
    chosen, other = plan(), plan()
    in_order = [chosen(number) for number in range(200)]
    for number in reversed(range(200)):
        np.testing.assert_array_equal(other(number)[0], in_order[number][0])
        assert other(number)[1] == in_order[number][1]
    assert any((plan(seed=1)(n)[0] != in_order[n][0]).any() for n in range(3))


def test_epochs_and_pools_are_shuffled_anew():
    chosen = plan(examples=4 * POOL_BATCHES, buckets=1)
    first, second = (
        np.concatenate([chosen(start + place)[0] for place in range(POOL_BATCHES)])
        for start in (0, POOL_BATCHES)
    )
    assert (first != second).any()
    np.testing.assert_array_equal(np.sort(first), np.sort(second))


def test_a_batch_has_one_bucket_save_at_the_borders():
    chosen = plan(examples=1000, batch_size=8)
    mixed = [len(set(chosen.bucket_of[chosen(n)[0]])) > 1 for n in range(POOL_BATCHES)]
    assert sum(mixed) <= 2  # three buckets have two borders
    for number in range(POOL_BATCHES):
        examples, bucket = chosen(number)
        assert bucket == chosen.bucket_of[examples].max()
