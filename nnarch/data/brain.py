"""One averaged brain: ICBM 152, its T1 picture and how much of each voxel its tissues fill.

The average of 152 adults' brains, without the skull and mirrored onto itself (2009a, nonlinear,
symmetric), as the wheel of nilearn 0.14.1 carries it: a T1-weighted picture and maps of grey and
white matter, 197 x 233 x 189 voxels of 1 mm. The fluid is what the picture holds beside both:
mask - grey - white, the mask being where the picture is above 0. It is thin, mostly shares a voxel
with grey matter, and no map of its own.

Labels and picture are of one anatomy. So nothing is trained on the picture: `windows` cuts blocks
of the maps, from which pictures are drawn (see nnarch.signal.volumes), and the picture is a test.

Source: Fonov et al. 2011, "Unbiased average age-appropriate atlases for pediatric studies",
NeuroImage 54; (c) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, McGill University, free
to use, copy and distribute with this notice.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from nnarch.data.examples import Examples, Fixed
from nnarch.data.fetch import Archive, DataMissing, fetch

ARCHIVE = Archive(
    "pypi",
    "nilearn",
    "0.14.1",
    ("725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a",),
)
TISSUES = ("fluid", "grey matter", "white matter")  # labels 1, 2, 3; 0 is what lies around
CLASSES = 1 + len(TISSUES)
WHITE = 3


@dataclass(frozen=True, eq=False)
class Brain:
    """A picture and its tissues. Axes: to the right, to the front, up (RAS).

    Attributes:
      picture: float32 [X, Y, Z], 0 to 1; around the brain exactly 0.
      shares: uint8 [X, Y, Z, 3], how much of each voxel the `TISSUES` fill, 255 being all.
      labels: uint8 [X, Y, Z], what fills most: 0 what lies around, then the tissues.
      millimetres: a voxel's side.
    """

    picture: np.ndarray
    shares: np.ndarray
    labels: np.ndarray
    millimetres: int


@cache
def load(millimetres: int = 2) -> Brain:
    """The brain with voxels of 1 mm, or of means over cubes of them.

    Raises:
      ValueError: not a whole number of millimetres, at least 1.
      DataMissing: it is not there and cannot be fetched; the message says what to do.
    """
    if millimetres < 1 or millimetres != int(millimetres):
        raise ValueError(f"expected voxels of 1, 2 or more whole millimetres; got {millimetres}.")
    folder = fetch(ARCHIVE) / "nilearn" / "datasets" / "data"
    picture, grey, white = (
        _read(folder / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz")
        for kind in ("t1", "gm", "wm")
    )
    return from_maps(picture, grey, white, millimetres)


def from_maps(picture: np.ndarray, grey: np.ndarray, white: np.ndarray, millimetres: int) -> Brain:
    """A brain from its picture and the shares of grey and white matter, float32 from 0 to 1."""
    mask = (picture > 0).astype(np.float32)
    fluid = np.clip(mask - grey - white, 0, None)
    shares = np.stack([_coarser(m * mask, millimetres) for m in (fluid, grey, white)], axis=-1)
    around = 1 - shares.sum(axis=-1, keepdims=True)
    labels = np.concatenate([around, shares], axis=-1).argmax(axis=-1)
    return Brain(
        _coarser(picture, millimetres),
        np.round(255 * np.clip(shares, 0, 1)).astype(np.uint8),
        labels.astype(np.uint8),
        millimetres,
    )


def _read(path: Path) -> np.ndarray:
    import nibabel

    try:
        return np.asarray(nibabel.load(path).dataobj, np.float32) / 255
    except (OSError, nibabel.filebasedimages.ImageFileError) as error:
        raise DataMissing(
            f"expected a NIfTI file; {path} cannot be read: {error}. Delete its folder and try "
            "again."
        ) from error


def _coarser(volume: np.ndarray, by: int) -> np.ndarray:
    """Means over cubes of `by` voxels a side, zeros beyond the end."""
    if by == 1:
        return volume
    volume = np.pad(volume, [(0, -length % by) for length in volume.shape])
    x, y, z = (length // by for length in volume.shape)
    return volume.reshape(x, by, y, by, z, by).mean(axis=(1, 3, 5))


def degraded(brain: Brain, *, noise: float = 0.1, bias: float = 0.3, seed: int = 0) -> np.ndarray:
    """The picture as a worse scanner would give it.

    Args:
      brain: what is seen.
      noise: standard deviation, as a share of the mean of white matter; everywhere, around the
        brain too.
      bias: by which share the brightness rises and falls at most over the brain, slowly.
      seed: of both.

    Returns:
      float32 [X, Y, Z]; noise takes it below 0.
    """
    rng = np.random.default_rng(seed)
    field = _slow_field(rng, brain.picture.shape)
    over_brain = field[brain.labels > 0]
    field = 2 * (field - over_brain.min()) / np.ptp(over_brain) - 1
    grain = rng.normal(size=field.shape) * noise * brain.picture[brain.labels == WHITE].mean()
    return (brain.picture * (1 + bias * field) + grain).astype(np.float32)


def _slow_field(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A sum of half and whole waves along all axes, of any strength each."""
    waves = range(3)
    by_axis = [
        np.cos(np.pi * np.outer((np.arange(n) + 0.5) / n, waves)) / (1 + np.array(waves))
        for n in shape
    ]
    return np.einsum("abc,xa,yb,zc->xyz", rng.normal(size=(3, 3, 3)), *by_axis)


class Windows:
    """Blocks of the shares of tissues, cut when they are asked for; `Fixed` takes them as values.

    Of all blocks of `size` voxels a side those of which tissues fill `fullest` or more; beyond the
    brain's volume there is nothing. `margin` more voxels on every side come along.
    """

    def __init__(self, shares: np.ndarray, *, size: int, margin: int, fullest: float = 0.2):
        around = [(margin + size // 2,) * 2] * 3
        self._shares = np.pad(shares, [*around, (0, 0)])
        full = _filled(self._shares, size, margin) >= fullest
        self._starts = np.argwhere(full).astype(np.int32)
        self._side = size + 2 * margin
        self.shape = (len(self._starts), *(self._side,) * 3, shares.shape[-1])
        self.dtype = shares.dtype

    def __len__(self) -> int:
        """How many there are."""
        return len(self._starts)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [B, side, side, side, 3], the blocks of these numbers."""
        side = self._side
        return np.stack(
            [
                self._shares[x : x + side, y : y + side, z : z + side]
                for x, y, z in self._starts[rows]
            ]
        )


def _filled(shares: np.ndarray, size: int, margin: int) -> np.ndarray:
    """Which part of each block without its margin tissues fill, by the block's first voxel."""
    sums = shares.sum(axis=-1, dtype=np.float64) / 255
    if margin:
        sums = sums[margin:-margin, margin:-margin, margin:-margin]
    for axis in range(3):
        running = np.cumsum(sums, axis=axis)
        running = np.concatenate([np.zeros_like(running.take([0], axis)), running], axis)
        last = running.shape[axis]
        sums = running.take(range(size, last), axis) - running.take(range(last - size), axis)
    return sums / size**3


def windows(brain: Brain, *, size: int, margin: int) -> Examples:
    """What the pipeline draws from: batches with "shares" uint8 [B, side, side, side, 3].

    Args:
      brain: of which.
      size: voxels a side of what is to be drawn from a block.
      margin: more voxels on every side, for what deformation moves in.

    Raises:
      ValueError: no block holds a fifth of tissue.
    """
    values = Windows(brain.shares, size=size, margin=margin)
    if not len(values):
        raise ValueError(
            f"expected a brain of which blocks of {size} voxels a side hold a fifth of tissue or "
            "more; none does. Cut smaller blocks."
        )
    return Examples(fixed={"shares": Fixed(values, np.arange(len(values)))})
