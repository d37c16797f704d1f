"""Voxels told apart by their brightness alone: what a segmentation has to do better than."""

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.mixture import GaussianMixture

FITTED = 100_000  # voxels that a mixture is fitted to, about; more change nothing


def by_brightness(
    picture: np.ndarray, *, classes: int, inside: np.ndarray | None = None, smoothing: float = 0.0
) -> np.ndarray:
    """Each voxel's component of a Gaussian mixture, the components in the order of brightness.

    Args:
      picture: [X, Y, Z].
      classes: that are told apart, 0 being what lies around.
      inside: bool [X, Y, Z], voxels that are none of class 0, among which the others are told
        apart; if left out, class 0 is the darkest component of the whole picture.
      smoothing: the standard deviation, in voxels, that the picture is smoothed by first.

    Returns:
      uint8 [X, Y, Z].
    """
    if smoothing:
        picture = gaussian_filter(picture, smoothing)
    outlined = inside is not None
    inside = inside if outlined else np.ones(picture.shape, bool)
    values = picture[inside][:, None]
    fitted = GaussianMixture(classes - outlined, random_state=0)
    fitted.fit(values[:: max(1, len(values) // FITTED)])
    ranks = np.argsort(np.argsort(fitted.means_[:, 0])) + outlined
    found = np.zeros(picture.shape, np.uint8)
    found[inside] = ranks[fitted.predict(values)]
    return found
