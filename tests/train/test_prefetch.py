"""Batches come in order, with their own position, and errors come where they are waited for."""

import threading

import numpy as np
import pytest
from train.tiny_task import Summing, SummingIterator

from nnarch.train import MeshConfig, make_mesh
from nnarch.train.prefetch import Prefetch


@pytest.fixture
def mesh():
    return make_mesh(MeshConfig(1))


def test_the_position_belongs_to_the_batch(mesh):
    with Prefetch(Summing(), mesh, None, ahead=3) as prefetch:
        fetched = [next(prefetch) for _ in range(5)]
    assert [item.position["step"] for item in fetched] == [1, 2, 3, 4, 5]
    with Prefetch(Summing(), mesh, fetched[1].position) as prefetch:
        again = next(prefetch)
    np.testing.assert_array_equal(again.batch["numbers"], fetched[2].batch["numbers"])


def test_what_drawing_raises_is_raised_in_the_loop(mesh):
    class Broken(Summing):
        def batch(self, step):
            if step == 2:
                raise OSError("the disk is gone")
            return super().batch(step)

    with Prefetch(Broken(), mesh, None) as prefetch:
        next(prefetch), next(prefetch)
        with pytest.raises(OSError, match="the disk is gone"):
            next(prefetch)


def test_runs_ahead_by_no_more_than_asked_and_ends(mesh):
    drawn = []

    class Counting(Summing):
        def batch(self, step):
            drawn.append(step)
            return super().batch(step)

        def iterator(self):
            return SummingIterator(self)

    with Prefetch(Counting(), mesh, None, ahead=2) as prefetch:
        next(prefetch)
    assert len(drawn) <= 1 + 2 + 2  # taken, waiting, in the thread's hands, one more at the end
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}
