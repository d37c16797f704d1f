"""Batches: shapes told beforehand, the same anywhere, resumed at a step, shared by processes."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnarch.data.examples import Examples, Fixed, ragged
from nnarch.data.pipeline import Batches, batches_by_length, evaluation_batches


def make_examples(count=40, size=4, longest=9, seed=0):
    rng = np.random.default_rng(seed)
    tokens = [
        rng.integers(4, 99, rng.integers(1, longest + 1)).astype(np.int32) for _ in range(count)
    ]
    pictures = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return Examples({"picture": Fixed(pictures, np.arange(count))}, {"tokens": ragged(tokens)})


@pytest.fixture
def examples():
    return make_examples()


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def test_batches_have_the_shapes_that_were_told(examples):
    batches = Batches(examples, 4, buckets=3)
    told = {
        tuple((name, shape.shape, str(shape.dtype)) for name, shape in sorted(shapes.items()))
        for shapes in batches.shapes
    }
    seen = {
        tuple((name, array.shape, str(array.dtype)) for name, array in sorted(batch.items()))
        for batch in take(batches.iterator(), 100)
    }
    assert len(told) == 3
    assert seen <= told


def test_tokens_are_padded_behind_their_lengths(examples):
    for batch in take(Batches(examples, 4, buckets=2).iterator(), 20):
        valid = np.arange(batch["tokens"].shape[1]) < batch["lengths"][:, None]
        assert ((batch["tokens"] != 0) == valid).all()


@pytest.mark.parametrize("threads", [0, 2])
def test_an_iterator_goes_on_from_a_state_as_if_never_stopped(examples, threads):
    batches = Batches(examples, 8, seed=3, buckets=2, threads=threads)
    iterator = batches.iterator()
    take(iterator, 70)
    state = json.loads(json.dumps(iterator.get_state()))
    expected = take(iterator, 70)
    resumed = Batches(examples, 8, seed=3, buckets=2).iterator()
    resumed.set_state(state)
    assert_same(take(resumed, 70), expected)


def test_other_seeds_give_other_batches(examples):
    first, second = (next(Batches(examples, 8, seed=seed).iterator()) for seed in (0, 1))
    assert (first["lengths"] != second["lengths"]).any()


@given(st.sampled_from([1, 2, 4]), st.integers(1, 3), st.integers(1, 3))
def test_processes_share_each_batch(processes, rows, buckets):
    examples, size = make_examples(), processes * rows
    whole = take(Batches(examples, size, buckets=buckets).iterator(), 5)
    shares = [
        take(Batches(examples, size, 0, buckets, index, processes).iterator(), 5)
        for index in range(processes)
    ]
    joined = [
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for parts in zip(*shares, strict=True)
    ]
    assert_same(joined, whole)


@given(st.integers(1, 30), st.integers(1, 12), st.sampled_from([1, 2]))
def test_evaluation_covers_each_example_once_in_order(count, rows, processes):
    examples = make_examples(count)
    parts = [
        list(
            evaluation_batches(examples, rows * processes, process_index=i, process_count=processes)
        )
        for i in range(processes)
    ]
    assert len({batch["tokens"].shape for part in parts for batch in part}) == 1
    in_order = [batch for step in zip(*parts, strict=True) for batch in step]
    index = np.concatenate([batch["index"][batch["valid"]] for batch in in_order])
    np.testing.assert_array_equal(index, np.arange(count))
    for batch in in_order:
        np.testing.assert_array_equal(
            batch["picture"], examples.fixed["picture"].values[batch["index"]]
        )


def test_bucketing_saves_padding():
    examples = make_examples(2000, longest=40)
    one, four = (Batches(examples, 16, buckets=n).padding_share() for n in (1, 4))
    assert one > 0.4
    assert four < 0.2


def test_a_batch_that_does_not_divide_is_refused(examples):
    for call in (Batches, evaluation_batches):
        with pytest.raises(ValueError, match="got 6 examples for 4 processes"):
            call(examples, 6, process_count=4)
        with pytest.raises(ValueError, match="expected a process between 0 and 1; got 2"):
            call(examples, 6, process_count=2, process_index=2)


def test_it_is_fast():
    """At 5,000 examples a second input costs a tenth of a training step; 100 times that is seen."""
    iterator = Batches(make_examples(2000, size=48), 32, buckets=3).iterator()
    take(iterator, 70)
    start = time.perf_counter()
    take(iterator, 300)
    assert 300 * 32 / (time.perf_counter() - start) > 5_000


def test_batches_by_length_hold_each_example_once_and_grow():
    examples = make_examples(count=30, longest=70)
    batches = [*batches_by_length(examples, 8)]
    index = np.concatenate([batch["index"][batch["valid"]] for batch in batches])
    assert sorted(index) == [*range(30)]
    lengths = examples.lengths[index]
    np.testing.assert_array_equal(lengths, np.sort(lengths))
    padded = [batch["tokens"].shape for batch in batches]
    assert {rows for rows, _ in padded} == {8}
    assert {length for _, length in padded} <= {16, 24, 32, 48, 64, 96}
    for batch in batches:
        whole = examples.batch(batch["index"], {"tokens": batch["tokens"].shape[1]})
        np.testing.assert_array_equal(batch["tokens"], whole["tokens"])
        longest = batch["lengths"].max()
        assert longest <= batch["tokens"].shape[1] < max(17, 1.6 * longest)


@pytest.mark.parametrize("rows", [0, -1])
def test_batches_by_length_of_nothing_are_refused(examples, rows):
    with pytest.raises(ValueError, match=f"got {rows} examples"):
        batches_by_length(examples, rows)
