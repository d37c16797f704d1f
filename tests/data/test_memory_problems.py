"""Problems of memory: what is asked is what their sources define, at the distance that is told."""

import numpy as np
import pytest
from tolerances import DRAWN, FLOAT32

from nnarch.data.memory_problems import Adding, Copying, Parity, held_out

every_problem = pytest.mark.parametrize("kind", [Adding, Copying, Parity])


def draw(problems, count=300, seed=0):
    return problems.draw(np.random.default_rng(seed), count).values()


@every_problem
@pytest.mark.parametrize("distance", [2, 7, 40])
def test_rows_have_the_sizes_that_are_told(kind, distance):
    problems = kind(distance)
    inputs, targets = draw(problems, 5)
    steps = distance + 20 if kind is Copying else distance
    assert inputs.shape == (5, steps, problems.features)
    assert targets.shape == (5, problems.asked)
    assert inputs.dtype == np.float32
    assert targets.dtype == (np.float32 if problems.answer == "number" else np.int32)


@pytest.mark.parametrize("distance", [2, 7, 40])
def test_one_number_of_each_half_is_marked_and_their_sum_asked(distance):
    inputs, targets = draw(Adding(distance))
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert set(np.unique(marks)) <= {0, 1}
    half = distance // 2
    assert (marks[:, :half].sum(axis=1) == 1).all()
    assert (marks[:, half:].sum(axis=1) == 1).all()
    assert marks.any(axis=0).sum() > min(distance, 30) - 1  # everywhere
    for row, marked, asked in zip(numbers, marks, targets, strict=True):
        np.testing.assert_allclose(asked, [sum(row[marked == 1])], **FLOAT32)
    assert 0 <= numbers.min() < 0.01
    assert 0.99 < numbers.max() <= 1


def test_always_answering_one_has_the_error_of_two_uniform_numbers():
    _, targets = draw(Adding(10), 8000)
    np.testing.assert_allclose(np.mean((targets - 1) ** 2), 1 / 6, **DRAWN)


def test_symbols_are_told_after_the_delimiter():
    inputs, targets = draw(Copying(6))
    read = inputs.argmax(axis=-1)
    np.testing.assert_array_equal(inputs.sum(axis=-1), 1)
    np.testing.assert_array_equal(read[:, :10], targets)
    assert (read[:, 10:15] == 8).all()  # one blank less than the distance,
    assert (read[:, 15] == 9).all()  # then the delimiter
    assert (read[:, 16:] == 8).all()
    assert read.shape[1] - 16 == 10 == targets.shape[1]
    assert set(np.unique(targets)) == set(range(8))


def test_parities():
    inputs, targets = draw(Parity(9))
    for bits, asked in zip(inputs[..., 0], targets, strict=True):
        assert asked.tolist() == [bits.tolist().count(1) % 2]
    assert 0.4 < inputs.mean() < 0.6


@every_problem
def test_what_is_held_out_is_always_the_same_and_apart(kind):
    problems = kind(50)
    of = {split: held_out(problems, split, 20)["inputs"] for split in ("validation", "test")}
    np.testing.assert_array_equal(of["test"], held_out(problems, "test", 20)["inputs"])
    rows = {split: {row.tobytes() for row in inputs} for split, inputs in of.items()}
    trained = {row.tobytes() for seed in range(3) for row in next(iter(draw(problems, 50, seed)))}
    assert not rows["test"] & rows["validation"]
    assert not trained & (rows["test"] | rows["validation"])
