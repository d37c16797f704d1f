"""NIfTI files of volumes: read whatever their orientation and voxels, written with their affine."""

import gzip
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from scipy.ndimage import affine_transform

ENDINGS = (".nii", ".nii.gz")
LARGEST = 512  # voxels a side, of what a volume is resampled to
DAMAGED = (
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
    zlib.error,
    EOFError,
    MemoryError,  # of the size that a header tells
    OSError,
    ValueError,
)


class Volume(NamedTuple):
    """A volume, and where its voxels lie."""

    values: np.ndarray  # float32 [I, J, K]
    affine: np.ndarray  # float64 [4, 4], from voxels to millimetres to the right, front and up


def check_name(path: Path) -> None:
    """Raises ValueError unless a file of that name can be a NIfTI file."""
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"expected a name that ends in .nii or .nii.gz; got {path.name}.")


def read(path: Path) -> Volume:
    """The one volume of a file. A fourth axis of length 1 is dropped.

    Raises:
      OSError: there is no such file, or it cannot be read.
      ValueError: it is no NIfTI file, cut short, not one volume, or does not say where voxels lie.
    """
    try:
        _check_sum(path)
        image = nibabel.load(path)
        values = np.asanyarray(image.dataobj)
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        raise ValueError(
            f"expected a NIfTI file (.nii or .nii.gz); {path} is none, or damaged: {error}."
        ) from error
    if np.iscomplexobj(values) or values.dtype.fields:
        raise ValueError(f"expected one number a voxel; {path} has {values.dtype}.")
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise ValueError(
            f"expected one volume; {path} has the shape {values.shape}. Cut one volume out of it, "
            "with nibabel.funcs.four_to_three for instance."
        )
    affine = image.affine
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ValueError(f"{path} does not say where its voxels lie: its affine is {affine}.")
    return Volume(values.astype(np.float32), np.asarray(affine, np.float64))


def _check_sum(path: Path) -> None:
    """Reads a compressed file to its end, where its check sum stands: nibabel stops before it."""
    if path.name.endswith(".gz"):
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass


def canonical(volume: Volume, millimetres: float) -> Volume:
    """The volume with axes to the right, to the front and up, and cubic voxels of that size.

    Coarser voxels are means over finer ones, as far as those are whole: what is shrunk is smoothed
    first. Between voxels values are interpolated linearly; outside stands what is darkest.

    Raises:
      ValueError: it would have more voxels a side than `LARGEST`.
    """
    corners = np.array(np.meshgrid(*[(-0.5, side - 0.5) for side in volume.values.shape]))
    corners = corners.reshape(3, -1)
    places = volume.affine[:3, :3] @ corners + volume.affine[:3, 3:]
    low, high = places.min(axis=1), places.max(axis=1)
    # Less a hair: rounding must not add a voxel.
    shape = np.maximum(1, np.ceil((high - low) / millimetres - 1e-3)).astype(int)
    if shape.max() > LARGEST:
        raise ValueError(
            f"expected a volume of at most {LARGEST * millimetres} mm a side; got one of "
            f"{[round(float(side)) for side in high - low]} mm. Is its affine right?"
        )
    affine = np.diag([millimetres] * 3 + [1.0])
    affine[:3, 3] = low + millimetres / 2
    return Volume(_resampled(volume, affine, tuple(shape)), affine)


def _resampled(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Means over a few points in each new voxel, as many an axis as old voxels fit along it."""
    own = np.sqrt((volume.affine[:3, :3] ** 2).sum(axis=0)).min()
    new = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).max()
    points = int(np.clip(np.round(new / own), 1, 8))
    within = (np.arange(points) + 0.5) / points - 0.5
    total = np.zeros(shape, np.float32)
    for offset in np.array(np.meshgrid(within, within, within)).reshape(3, -1).T:
        moved = affine.copy()
        moved[:3, 3] += affine[:3, :3] @ offset
        to_old = np.linalg.inv(volume.affine) @ moved
        total += affine_transform(
            volume.values,
            to_old[:3, :3],
            to_old[:3, 3],
            output_shape=shape,
            order=1,
            mode="constant",
            cval=float(volume.values.min()),
        )
    return total / points**3


def labels_on(volume: Volume, probabilities: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """uint8 labels on the voxels of `volume`: the likeliest class there.

    Args:
      volume: whose voxels are to be labelled.
      probabilities: [X, Y, Z, classes], of voxels that lie at `affine`; outside them is class 0.
      affine: of the probabilities.
    """
    best = np.zeros(volume.values.shape, np.float32)
    labels = np.zeros(volume.values.shape, np.uint8)
    to_found = np.linalg.inv(affine) @ volume.affine
    for number in range(probabilities.shape[-1]):
        of_class = affine_transform(
            probabilities[..., number],
            to_found[:3, :3],
            to_found[:3, 3],
            output_shape=volume.values.shape,
            order=1,
            mode="nearest",
        )
        labels = np.where(of_class > best, np.uint8(number), labels)
        best = np.maximum(of_class, best)
    return labels


def write(path: Path, labels: np.ndarray, like: Volume) -> None:
    """Writes labels uint8 [I, J, K] with the affine of a volume; a file is there whole or not.

    Raises:
      OSError: the file cannot be written.
    """
    beside = path.with_name("." + path.name)
    nibabel.save(nibabel.Nifti1Image(labels, like.affine), beside)
    os.replace(beside, path)
