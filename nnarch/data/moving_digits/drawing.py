"""Frames from digits and where they are."""

import numpy as np

DIGIT = 14  # pixels a side of a digit's picture
INK = 10  # pixels a side of what is drawn in it


def halved(pictures: np.ndarray) -> np.ndarray:
    """uint8 [N, 28, 28] -> float32 [N, DIGIT, DIGIT] from 0 to 255: means of two by two pixels."""
    count = len(pictures)
    return pictures.reshape(count, DIGIT, 2, DIGIT, 2).mean(axis=(2, 4), dtype=np.float32)


def draw_digits(digits: np.ndarray, middles: np.ndarray, size: int) -> np.ndarray:
    """Each digit alone in each of its frames, at any fraction of a pixel.

    A pixel of a digit is shared among the pixels of the canvas that it overlaps: a product with
    one matrix of shares for the rows, and one for the columns.

    Args:
      digits: float32 [..., DIGIT, DIGIT].
      middles: [..., T, 2], (row, column) in pixels of the canvas, of the middle of its picture.
      size: pixels a side of the canvas.

    Returns:
      float32 [..., T, size, size].
    """
    own = np.arange(DIGIT) - (DIGIT - 1) / 2
    places = middles[..., None].astype(np.float32) + own.astype(np.float32)  # [..., T, 2, DIGIT]
    canvas = np.arange(size, dtype=np.float32)[:, None]
    shares = np.maximum(0, 1 - np.abs(canvas - places[..., None, :]))  # [..., T, 2, size, DIGIT]
    rows, columns = shares[..., 0, :, :], shares[..., 1, :, :]
    return rows @ digits[..., None, :, :] @ np.swapaxes(columns, -1, -2)


def together(drawn: np.ndarray, axis: int) -> np.ndarray:
    """Digits drawn alone, from 0 to 255, in one picture: the brightest of each pixel, uint8."""
    return np.round(drawn.max(axis=axis)).clip(0, 255).astype(np.uint8)
