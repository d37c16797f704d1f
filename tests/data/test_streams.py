"""Long texts in windows: what follows what, in which row, and from which number."""

import numpy as np
import pytest

from nnarch.data.streams import StreamBatches, packed, windows

DOCUMENTS = [np.arange(first, first + length) for first, length in ((1, 30), (100, 7), (200, 23))]


def batches(**changes):
    options = {"batch_size": 4, "window": 3, "seed": 2} | changes
    return StreamBatches(DOCUMENTS, **options)


def test_rows_go_on_where_they_ended():
    streams = batches()
    assert streams.windows == 60 // 12
    epoch = [streams.batch(number) for number in range(streams.windows)]
    inputs, targets, starts = (
        np.concatenate([each[name] for each in epoch], axis=1)
        for name in ("inputs", "targets", "starts")
    )
    assert sorted(targets.ravel()) == sorted(np.concatenate(DOCUMENTS))
    firsts = np.isin(targets, [1, 100, 200])
    np.testing.assert_array_equal(inputs[firsts], 0)
    np.testing.assert_array_equal(inputs[~firsts], targets[~firsts] - 1)
    firsts[:, 0] = True
    np.testing.assert_array_equal(starts, firsts)


def test_an_epoch_has_an_order_of_its_own_that_follows_from_the_seed():
    streams, again, other = batches(), batches(), batches(seed=3)
    orders = [
        tuple(each.batch(5 * epoch)["targets"][:, 0])
        for each in (streams, other)
        for epoch in range(4)
    ]
    assert len(set(orders)) > 2
    np.testing.assert_array_equal(streams.batch(7)["inputs"], again.batch(7)["inputs"])


def test_an_iterator_goes_on_from_its_position():
    first = batches().iterator()
    for _ in range(7):
        next(first)
    second = batches().iterator()
    second.set_state(first.get_state())
    np.testing.assert_array_equal(next(second)["targets"], next(first)["targets"])
    np.testing.assert_array_equal(batches().batch(8)["targets"], next(first)["targets"])


def test_processes_share_the_rows_and_shapes_are_announced():
    whole = batches().batch(3)
    parts = [batches(process_index=index, process_count=2) for index in (0, 1)]
    for name, values in whole.items():
        shares = [part.batch(3)[name] for part in parts]
        np.testing.assert_array_equal(np.concatenate(shares), values)
        assert parts[0].shapes[0][name].shape == shares[0].shape
        assert parts[0].shapes[0][name].dtype == shares[0].dtype


def test_what_is_left_out_differs_by_epoch():
    streams = batches(batch_size=7, window=4)  # 56 of 60 characters
    held = [
        {*np.concatenate([streams.batch(2 * epoch + place)["targets"] for place in (0, 1)]).ravel()}
        for epoch in range(6)
    ]
    assert {len(each) for each in held} == {56}
    assert len(set.union(*held)) == 60


@pytest.mark.parametrize("changes", [{"window": 16}, {"window": 0}, {"process_count": 3}])
def test_batches_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError, match="expected"):
        batches(**changes)


def test_packed_holds_each_document_whole():
    streams = packed([*DOCUMENTS, DOCUMENTS[0][:0]], 2)
    assert streams.valid.sum(axis=1).tolist() == [30, 30]
    assert sorted(streams.targets[streams.valid]) == sorted(np.concatenate(DOCUMENTS))
    np.testing.assert_array_equal(streams.targets[streams.starts], [1, 200, 100])
    np.testing.assert_array_equal(streams.inputs[streams.starts], 0)
    inside = streams.valid & ~streams.starts
    np.testing.assert_array_equal(streams.inputs[inside], streams.targets[inside] - 1)


def test_windows_are_of_one_size_and_say_how_much_is_text():
    streams = packed(DOCUMENTS, 3)
    found = [*windows(streams, 8)]
    assert {each["inputs"].shape for each in found} == {(3, 8)}
    lengths = np.stack([each["lengths"] for each in found])
    assert lengths.tolist() == [[8, 8, 7], [8, 8, 0], [8, 7, 0], [6, 0, 0]]
    joined = np.concatenate([each["targets"] for each in found], axis=1)
    np.testing.assert_array_equal(joined[:, :30], streams.targets)


def test_nothing_is_packed_too():
    assert [*windows(packed([], 2), 8)] == []
    with pytest.raises(ValueError, match="1 row or more"):
        packed(DOCUMENTS, 0)
