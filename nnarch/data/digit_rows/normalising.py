"""Pictures of digits by any hand, brought to what training shows: size, thickness, white on black.

Ink is whatever differs from the ground, in brightness or colour; the ground is what most of a
picture's border is. Shadows are not taken away, and there has to be one row of digits.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from nnarch.data.digit_rows.drawing import HEIGHT

INK_HEIGHT = 16  # pixels of the tallest digit, about as in training
STROKE = 2.0  # pixels, about as thick as training's
MARGIN = 4  # empty columns before the first digit and behind the last
LEAST_CONTRAST = 32  # of 255, between ink and ground
SPECK = 0.02  # of the largest stain's pixels; what has fewer is no ink
LONGEST = 2000  # pixels of a side: a larger picture is shrunk first
MOST_COLUMNS = 2048


def normalise(picture: Image.Image) -> np.ndarray:
    """A picture in RGBA as training has them: uint8 [HEIGHT, X], white on black.

    Raises:
      ValueError: there is nothing to be seen on it, or it is no single row; the message says which.
    """
    if 0 in picture.size:
        raise ValueError("it has no pixels")
    picture.thumbnail((LONGEST, LONGEST))
    ink = _without_specks(_ink(_on_ground(picture)))
    rows, columns = (np.flatnonzero(ink.max(axis=axis) >= 0.5) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = INK_HEIGHT / len(ink)
    width = max(1, round(ink.shape[1] * scale))
    if width > MOST_COLUMNS:
        raise ValueError("what is on it is too long for its height to be one row of digits")
    return _framed(_shrunk(_thickened(ink, scale), width))


def _on_ground(picture: Image.Image) -> np.ndarray:
    """float [Y, X, 3]; what is transparent becomes the ground, light where the ink is dark."""
    pixels = np.asarray(picture, np.float32)
    colours, opacity = pixels[..., :3], pixels[..., 3:] / 255
    if opacity.min() == 1:
        return colours
    weight = max(float(opacity.sum()), 1e-9)
    is_light = float((colours * opacity).sum()) / (3 * weight) > 127
    return colours * opacity + (0 if is_light else 255) * (1 - opacity)


def _ink(colours: np.ndarray) -> np.ndarray:
    """From 0, the ground, to 1: float [Y, X]."""
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    distance = np.abs(colours - np.median(border, axis=0)).max(axis=-1)
    if distance.max() < LEAST_CONTRAST:
        raise ValueError("there is nothing to be seen on it")
    middle = _threshold(distance)
    least, most = (
        middle / 2,
        max(1.5 * middle, float(np.percentile(distance[distance > middle], 50))),
    )
    return np.clip((distance - least) / (most - least), 0, 1)


def _threshold(values: np.ndarray) -> float:
    """What parts values from 0 to 255 into two kinds that differ least within (Otsu 1979)."""
    counts, edges = np.histogram(values, 64, (0, float(values.max())))
    middles = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums / below - (sums[-1] - sums) / above
        spread = np.nan_to_num(below * above * apart**2)
    return float(edges[1 + np.argmax(spread)])


def _without_specks(ink: np.ndarray) -> np.ndarray:
    stains, count = ndimage.label(ink >= 0.5, np.ones((3, 3)))
    sizes = np.bincount(stains.ravel(), minlength=count + 1)
    sizes[0] = 0
    specks = sizes < SPECK * sizes.max()
    specks[0] = False
    return np.where(specks[stains], 0, ink)


def _thickened(ink: np.ndarray, scale: float) -> np.ndarray:
    """With strokes that are at least STROKE thick once they are scaled."""
    inside = np.pad(ink >= 0.5, 1)
    edge = inside & ~ndimage.binary_erosion(inside)
    thickness = 2 * inside.sum() / max(int(edge.sum()), 1)  # of a long stroke with two edges
    more = round(STROKE / scale - thickness)
    return ndimage.grey_dilation(np.pad(ink, more // 2), size=(more, more)) if more >= 1 else ink


def _shrunk(ink: np.ndarray, width: int) -> np.ndarray:
    image = Image.fromarray(np.uint8(255 * ink))
    small = np.asarray(image.resize((width, INK_HEIGHT), Image.Resampling.BOX), np.float32)
    return np.uint8(np.minimum(255, small * 255 / max(float(small.max()), 1)))


def _framed(ink: np.ndarray) -> np.ndarray:
    above = (HEIGHT - len(ink)) // 2
    return np.pad(ink, ((above, HEIGHT - len(ink) - above), (MARGIN, MARGIN)))
