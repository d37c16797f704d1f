"""NIfTI files of any orientation and voxels, brought to one grid and back."""

import itertools

import nibabel
import numpy as np
import pytest
from tolerances import FLOAT32

from nnarch.data import nifti
from nnarch.data.nifti import Volume


def blob(shape=(10, 12, 14)):
    """Different everywhere, and on every side."""
    i, j, k = (np.arange(side) for side in shape)
    return (i[:, None, None] + 10 * j[:, None] + 200 * k).astype(np.float32)


def turned(order, flips):
    """An affine of 2 mm voxels whose axes are those to the right, front and up in some order."""
    matrix = np.zeros((3, 3))
    for axis, (to, flip) in enumerate(zip(order, flips, strict=True)):
        matrix[to, axis] = -2 if flip else 2
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, (-20, 30, 7)
    return affine


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True)])
def test_every_orientation_becomes_the_canonical_one(order, flips):
    affine = turned(order, flips)
    found = nifti.canonical(Volume(blob(), affine), 2)
    expected = nibabel.as_closest_canonical(nibabel.Nifti1Image(blob(), affine))
    np.testing.assert_allclose(found.values, expected.get_fdata(), **FLOAT32)
    np.testing.assert_allclose(found.affine, expected.affine, **FLOAT32)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_labels_come_back_to_the_voxels_of_the_file(order):
    affine = turned(order, (True, False, False))
    labels = np.random.default_rng(0).integers(0, 4, (5, 6, 7))
    there = nifti.canonical(Volume(labels.astype(np.float32), affine), 2)
    found = np.eye(4)[there.values.round().astype(int)]
    back = nifti.labels_on(Volume(labels, affine), found, there.affine)
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == np.uint8


def test_voxels_that_are_no_cubes_are_resampled():
    """Slices of 4 mm with pixels of 1 mm: a ramp stays a ramp."""
    values = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 40, 10)).astype(np.float32)
    flat = Volume(values, np.diag([1, 1, 4, 1.0]))
    found = nifti.canonical(flat, 2)
    assert found.values.shape == (20, 20, 20)
    expected = 2 * np.arange(20) + 0.5  # the mean of two neighbours
    np.testing.assert_allclose(found.values[:, 10, 10], expected, **FLOAT32)
    back = nifti.labels_on(flat, np.ones((20, 20, 20, 1)), found.affine)
    assert back.shape == (40, 40, 10)


def test_a_shrunk_picture_is_a_mean_and_no_pick():
    noise = np.random.default_rng(0).normal(size=(24, 24, 24)).astype(np.float32)
    found = nifti.canonical(Volume(noise, np.eye(4)), 3).values
    expected = noise.reshape(8, 3, 8, 3, 8, 3).mean((1, 3, 5))
    np.testing.assert_allclose(found, expected, **FLOAT32)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 1, 1)])
def test_one_volume_is_read_whatever_axes_it_has_behind(tmp_path, shape):
    values = np.arange(120, dtype=np.int16).reshape(shape)
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1])), path)
    found = nifti.read(path)
    np.testing.assert_array_equal(found.values, values.reshape(4, 5, 6))
    np.testing.assert_array_equal(found.affine, np.diag([1, 2, 3, 1]))


def wrong_files(folder):
    """A path, and what its error says, for every kind of file that is no picture of a brain."""
    ones = np.ones((4, 5, 6), np.float32)
    for name, values in {
        "two.nii.gz": np.stack([ones, ones], axis=-1),
        "flat.nii.gz": ones[0],
        "complex.nii": ones.astype(np.complex64),
        "cut.nii.gz": np.random.default_rng(0).random((9, 9, 9)),
    }.items():
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / name)
    (folder / "cut.nii.gz").write_bytes((folder / "cut.nii.gz").read_bytes()[:600])
    (folder / "empty.nii").touch()
    (folder / "empty.nii.gz").touch()
    (folder / "text.nii").write_text("no brain")
    (folder / "text.txt").write_text("no brain")
    told = {
        "two.nii.gz": "one volume",
        "flat.nii.gz": "one volume",
        "complex.nii": "one number a voxel",
    }
    damaged = ("cut.nii.gz", "empty.nii", "empty.nii.gz", "text.nii", "text.txt")
    return {folder / name: told.get(name, "is none, or damaged") for name in (*told, *damaged)}


def test_what_is_no_volume_is_told(tmp_path):
    for path, message in wrong_files(tmp_path).items():
        with pytest.raises(ValueError, match=message):
            nifti.read(path)
    with pytest.raises(FileNotFoundError):
        nifti.read(tmp_path / "absent.nii")


def test_an_affine_that_makes_a_volume_too_large_is_refused():
    with pytest.raises(ValueError, match="Is its affine right"):
        nifti.canonical(Volume(blob(), np.diag([1000, 1, 1, 1.0])), 2)


def test_a_name_that_is_none_of_nifti_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.nii"):
        nifti.check_name(tmp_path / "labels.png")


def test_a_byte_that_flipped_is_seen(tmp_path):
    whole = tmp_path / "whole.nii.gz"
    random = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(random, np.eye(4)), whole)
    content = whole.read_bytes()
    for place in range(100, len(content), len(content) // 12):
        damaged = tmp_path / "damaged.nii.gz"
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with pytest.raises(ValueError, match="is none, or damaged"):
            nifti.read(damaged)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    labels = np.zeros((2, 2, 2), np.uint8)
    nifti.write(tmp_path / "labels.nii.gz", labels, Volume(labels, np.eye(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["labels.nii.gz"]
    np.testing.assert_array_equal(nifti.read(tmp_path / "labels.nii.gz").values, labels)
