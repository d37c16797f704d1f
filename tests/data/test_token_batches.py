"""Batches of about as many tokens: what an epoch holds, and how one is found by its number."""

import numpy as np
import pytest

from nnarch.data.examples import Examples, ragged
from nnarch.data.token_batches import TokenBatches


def examples(count=300, longest=40):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, longest + 1, count)
    source = [np.full(length, number, np.int32) for number, length in enumerate(lengths)]
    target = [np.full(1 + length // 2, number, np.int32) for number, length in enumerate(lengths)]
    return Examples(
        ragged={
            "source": ragged(source, "source_lengths"),
            "target": ragged(target, "target_lengths"),
        }
    )


def batches(**options):
    return TokenBatches(examples(), 128, "target", **{"buckets": 5, "multiple": 4, **options})


def numbers(batch):
    return batch["source"][:, 0]


def test_an_epoch_holds_every_example_and_few_twice():
    made = batches()
    found = np.concatenate([numbers(made.batch(step)) for step in range(made.epoch)])
    assert set(found) == set(range(300))
    filled = len(found) - 300
    assert 0 <= filled < sum(made.rows)


def test_batches_have_about_the_tokens_asked_for():
    made = batches()
    for batch in map(made.batch, range(made.epoch)):
        rows, padded = batch["target"].shape
        assert rows % 4 == 0
        assert rows * padded <= 128 or rows == 4
        assert rows * padded > 128 - 4 * padded or rows == 4


def test_every_batch_has_one_of_the_shapes_told():
    made = batches()
    told = {tuple(shape["source"].shape) for shape in made.shapes}
    assert {made.batch(step)["source"].shape for step in range(made.epoch)} == told
    assert len(told) == 5


def test_epochs_and_seeds_differ_and_a_number_is_enough():
    made, again, other = batches(), batches(), batches(seed=1)
    for step in (0, made.epoch - 1, 3 * made.epoch + 2):
        np.testing.assert_array_equal(made.batch(step)["source"], again.batch(step)["source"])
    order = [tuple(numbers(made.batch(step))) for step in range(made.epoch)]
    assert order != [tuple(numbers(made.batch(made.epoch + step))) for step in range(made.epoch)]
    assert order != [tuple(numbers(other.batch(step))) for step in range(made.epoch)]


def test_an_iterator_goes_on_where_another_stood():
    first, second = batches().iterator(), batches().iterator()
    for _ in range(7):
        next(first)
    second.set_state(first.get_state())
    np.testing.assert_array_equal(next(first)["target"], next(second)["target"])


def test_processes_share_each_batch():
    whole = batches()
    parts = [batches(process_index=index, process_count=2) for index in range(2)]
    for step in range(5):
        halves = [part.batch(step)["source"] for part in parts]
        np.testing.assert_array_equal(np.concatenate(halves), whole.batch(step)["source"])
    assert parts[0].shapes[0]["source"].shape[0] * 2 == whole.shapes[0]["source"].shape[0]


@pytest.mark.parametrize("options", [{"process_count": 3}, {"process_index": 1}, {"tokens": 0}])
def test_what_cannot_be_is_told(options):
    with pytest.raises(ValueError, match="expected"):
        TokenBatches(**{"examples": examples(), "tokens": 128, "field": "target", **options})
