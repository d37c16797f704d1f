"""Batches by rule: endless, each from its number, resumed at a step, shared by processes."""

import numpy as np
import pytest

from nnarch.data.generated import GeneratedBatches


def draw(rng, count):
    return {"xs": rng.normal(size=(count, 3)).astype(np.float32), "row": np.arange(count)}


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def test_batches_have_the_shapes_that_were_told():
    batches = GeneratedBatches(draw, 6)
    (shapes,) = batches.shapes
    for batch in take(batches.iterator(), 3):
        assert {name: (a.shape, a.dtype) for name, a in batch.items()} == {
            name: (shape.shape, shape.dtype) for name, shape in shapes.items()
        }


def test_no_batch_comes_twice_and_the_seed_decides():
    first = take(GeneratedBatches(draw, 6).iterator(), 3)
    assert len({batch["xs"].tobytes() for batch in first}) == 3
    assert_same(take(GeneratedBatches(draw, 6).iterator(), 3), first)
    other = next(GeneratedBatches(draw, 6, seed=1).iterator())
    assert (other["xs"] != first[0]["xs"]).all()


def test_an_iterator_goes_on_where_another_stopped():
    batches = GeneratedBatches(draw, 6)
    iterator = batches.iterator()
    take(iterator, 4)
    position = iterator.get_state()
    rest = take(iterator, 2)
    again = batches.iterator()
    again.set_state(position)
    assert_same(take(again, 2), rest)


def test_processes_share_a_batch():
    whole = GeneratedBatches(draw, 6).batch(5)
    parts = [
        GeneratedBatches(draw, 6, process_index=index, process_count=3).batch(5)
        for index in range(3)
    ]
    assert_same([{name: np.concatenate([p[name] for p in parts]) for name in whole}], [whole])


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="multiple of the number of processes"):
        GeneratedBatches(draw, 6, process_count=4)
