"""Gathering a batch from memory against a plain loop over its examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnarch.data.examples import Examples, Fixed, Ragged, ragged


@given(st.data(), array_shapes(min_dims=0, max_dims=2, max_side=3), st.integers(1, 6))
def test_ragged_batches_are_the_sequences_padded(data, step, count):
    sequences = [
        data.draw(arrays(np.int16, (data.draw(st.integers(0, 5)), *step))) for _ in range(count)
    ]
    chosen = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8)))
    part = ragged(sequences)
    padded = int(part.lengths.max()) + data.draw(st.integers(0, 2))
    values, lengths = part.batch(chosen, padded)
    assert values.shape == (len(chosen), padded, *step)
    assert lengths.dtype == np.int32
    for row, example in enumerate(chosen):
        sequence = sequences[example]
        assert lengths[row] == len(sequence)
        np.testing.assert_array_equal(values[row, : len(sequence)], sequence)
        assert (values[row, len(sequence) :] == 0).all()


def test_padding_is_what_was_asked_for():
    part = ragged([np.ones(1, np.float32), np.ones(3, np.float32)])
    part = Ragged(part.values, part.starts, "lengths", pad=-7)
    np.testing.assert_array_equal(part.batch(np.array([0]), 3)[0], [[1, -7, -7]])


@pytest.fixture
def translation():
    """Two sentences a pair, and a number; pairs share rows of the number."""
    rng = np.random.default_rng(0)
    sides = {
        side: ragged([rng.integers(4, 9, n).astype(np.int32) for n in lengths], f"{side}_lengths")
        for side, lengths in {"source": (3, 1, 2), "target": (2, 5, 1)}.items()
    }
    return Examples({"book": Fixed(np.array([10, 20]), np.array([1, 0, 1]))}, sides)


def test_several_ragged_fields_are_padded_each_to_its_own_length(translation):
    np.testing.assert_array_equal(translation.lengths, [3, 5, 2])
    assert translation.longest() == {"source": 3, "target": 5}
    batch = translation.batch(np.array([2, 0]), translation.longest(np.array([2, 0])))
    assert {name: array.shape for name, array in batch.items()} == {
        "book": (2,),
        "source": (2, 3),
        "source_lengths": (2,),
        "target": (2, 2),
        "target_lengths": (2,),
    }
    np.testing.assert_array_equal(batch["book"], [20, 20])


def test_shapes_tell_what_a_batch_is(translation):
    padded = translation.longest()
    batch = translation.batch(np.array([0, 1, 2, 0]), padded)
    shapes = translation.shapes(4, padded)
    assert {name: (array.shape, array.dtype) for name, array in batch.items()} == {
        name: (shape.shape, shape.dtype) for name, shape in shapes.items()
    }


def test_examples_without_sequences_have_no_length():
    digits = Examples({"digit": Fixed(np.arange(5), np.arange(5))})
    assert len(digits) == 5
    assert digits.lengths.tolist() == [0] * 5
    assert digits.longest() == {}


def test_sequences_of_different_kinds_are_refused():
    with pytest.raises(ValueError, match="differ in length alone"):
        ragged([np.zeros(2, np.int32), np.zeros(2, np.float32)])
    with pytest.raises(ValueError, match="got none"):
        ragged([])


def test_fields_that_do_not_fit_are_refused():
    one, two = (Fixed(np.arange(n), np.arange(n)) for n in (1, 2))
    for fields in ({"a": one, "b": two}, {}, {"a": Fixed(np.arange(0), np.arange(0))}):
        with pytest.raises(ValueError, match="Give every example each field"):
            Examples(fields)
    with pytest.raises(ValueError, match="Rename one"):
        Examples({"lengths": one}, {"tokens": ragged([np.zeros(2)])})
