"""Batches by rule: endless, each from its number, resumed at a step, shared by processes."""

import numpy as np
import pytest

from nnarch.data.generated import GeneratedBatches, held_out


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


def test_several_kinds_take_turns_by_chance_and_each_batch_is_of_one():
    def short(rng, count):
        return {"xs": rng.normal(size=(count, 2)).astype(np.float32), "row": np.arange(count)}

    batches = GeneratedBatches(draw, 6, others=(short,))
    assert [shapes["xs"].shape for shapes in batches.shapes] == [(6, 3), (6, 2)]
    widths = [batches.batch(number)["xs"].shape[1] for number in range(100)]
    assert 30 < widths.count(2) < 70
    assert len({tuple(widths[n : n + 4]) for n in range(0, 100, 4)}) > 8  # not in turn
    parts = [
        GeneratedBatches(draw, 6, others=(short,), process_index=index, process_count=2)
        for index in range(2)
    ]
    whole = np.concatenate([part.batch(7)["xs"] for part in parts])
    np.testing.assert_array_equal(whole, batches.batch(7)["xs"])
    assert parts[0].shapes[1]["xs"].shape == (3, 2)


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="multiple of the number of processes"):
        GeneratedBatches(draw, 6, process_count=4)


def test_held_out_sets_are_no_training_batches_and_not_each_other():
    draws = [held_out(number).normal() for number in (0, 1, 2, 3)]
    for seed in range(4):
        draws += [np.random.default_rng((seed, number)).normal() for number in range(9)]
    assert len(set(draws)) == 40
    assert held_out(1).normal() == draws[1]
