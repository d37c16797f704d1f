"""MNIST: idx files that a test writes, tensorflow-datasets' set mocked, what is damaged."""

import struct

import numpy as np
import pytest
import tensorflow_datasets as tfds

from nnarch.data import mnist
from nnarch.data.fetch import DataMissing

ROWS = {"train": 9, "t10k": 4}


def idx(values):
    """An idx file's bytes."""
    head = struct.pack(f">BBBB{values.ndim}i", 0, 0, 8, values.ndim, *values.shape)
    return head + values.astype(np.uint8).tobytes()


def pictures(count):
    """Picture n is full of n, but for one pixel at row 2, column 5."""
    found = np.tile(np.arange(count)[:, None, None], (1, mnist.SIZE, mnist.SIZE))
    found[:, 2, 5] = 200
    return found


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The npm package with a few pictures, of which two are for validation."""
    folder = tmp_path / "package" / "data"
    folder.mkdir(parents=True)
    for prefix, count in ROWS.items():
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(pictures(count)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 10))
    monkeypatch.setattr(mnist, "fetch", lambda archive: tmp_path)
    monkeypatch.setattr(mnist, "VALIDATION", 2)
    return folder


def test_the_idx_files_are_the_splits(package):
    splits = mnist.load()
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 7,
        "validation": 2,
        "test": 4,
    }
    for split in splits.values():
        assert (split.pictures.dtype, split.labels.dtype) == (np.uint8, np.int32)
        assert np.all(split.pictures[:, 2, 5] == 200)
        np.testing.assert_array_equal(split.pictures[:, 0, 0], split.labels)
    np.testing.assert_array_equal(splits["validation"].labels, [7, 8])  # the last of training


def test_splits_are_read_by_name_and_in_that_order(package):
    (package / "t10k-images-idx3-ubyte").unlink()
    assert list(mnist.load(splits=["validation", "train"])) == ["validation", "train"]


def test_rows_are_taken_from_pictures_and_labels_alike(package):
    test = mnist.load(splits=["test"])["test"][np.array([2, 0])]
    np.testing.assert_array_equal(test.pictures[:, 0, 0], test.labels)
    np.testing.assert_array_equal(test.labels, [2, 0])


def test_a_batch_has_pictures_with_their_labels(package):
    examples = mnist.examples(mnist.load()["train"])
    batch = examples.batch(np.array([3, 1]), {})
    assert batch["picture"].shape == (2, mnist.SIZE, mnist.SIZE)
    np.testing.assert_array_equal(batch["picture"][:, 0, 0], batch["label"])


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: b"",
        lambda content: content[:3],
        lambda content: content[:9],
        lambda content: content[:-1],
        lambda content: content + b"0",
        lambda content: b"\x00\x00\x0d" + content[3:],  # floats
    ],
    ids=["empty", "cut type", "cut head", "cut", "longer", "of floats"],
)
def test_a_damaged_file_is_told(package, broken):
    path = package / "train-images-idx3-ubyte"
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(DataMissing, match=r"train-images-idx3-ubyte is damaged.*Delete its folder"):
        mnist.load()


def test_tensorflow_datasets_own_set_is_read_the_same_way(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "VALIDATION", 5)
    with tfds.testing.mock_data(num_examples=12):
        splits = mnist.load("mnist", folder=tmp_path)
        records = list(tfds.builder("mnist", data_dir=tmp_path).as_data_source("test"))
    assert [len(split) for split in splits.values()] == [7, 5, 12]
    assert splits["train"].pictures.shape == (7, mnist.SIZE, mnist.SIZE)
    assert splits["train"].pictures.dtype == np.uint8
    for picture, label, record in zip(
        splits["test"].pictures, splits["test"].labels, records, strict=True
    ):
        np.testing.assert_array_equal(picture, record["image"][..., 0])
        assert label == record["label"]


@pytest.mark.parametrize("error", [OSError("no route"), ImportError("no tensorflow")])
def test_a_set_that_cannot_be_had_is_told(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(mnist, "prepared", fail)
    with pytest.raises(DataMissing, match=rf"{error}.*--data\.name digits"):
        mnist.load("mnist", folder=tmp_path)


def test_names_that_there_are_not_are_refused(package):
    with pytest.raises(ValueError, match=r"among \['digits', 'mnist'\]; got 'letters'"):
        mnist.load("letters")
    with pytest.raises(ValueError, match=r"among \('train', 'validation', 'test'\); got \['val'\]"):
        mnist.load(splits=["val", "test"])
