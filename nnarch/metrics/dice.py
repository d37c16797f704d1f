"""Dice's coefficient: how far two labellings of a volume overlap, class by class."""

import numpy as np


def dice(found: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """2 |A and B| / (|A| + |B|) of the voxels A found to be of a class and those B that are.

    Args:
      found: integers of any shape, 0 to classes - 1.
      truth: the same shape.
      classes: how many there are, the background among them.

    Returns:
      float64 [classes], from 0 to 1; 1 for a class that is in neither.

    Raises:
      ValueError: shapes differ, or a label is no class.

    Source: Dice 1945, "Measures of the amount of ecologic association between species".
    """
    found, truth = np.asarray(found), np.asarray(truth)
    if found.shape != truth.shape:
        raise ValueError(
            f"dice expects labellings of one shape; got {found.shape} and {truth.shape}. "
            "Resample one of them."
        )
    sizes = [_counted(labels, classes) for labels in (found, truth)]
    common = _counted(found[found == truth], classes)
    both = sizes[0] + sizes[1]
    return np.where(both > 0, 2 * common / np.maximum(both, 1), 1.0)


def _counted(labels: np.ndarray, classes: int) -> np.ndarray:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"dice expects integer labels; got {labels.dtype}. Take the argmax first.")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"dice expects labels from 0 to {classes - 1}; got {labels.min()} to {labels.max()}."
        )
    return np.bincount(labels.ravel(), minlength=classes)
