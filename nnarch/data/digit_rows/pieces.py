"""A row cut into pieces without being read: what stands between empty columns."""

import numpy as np
from PIL import Image, ImageOps

PIECE = 16  # pixels a side


def pieces(picture: np.ndarray) -> np.ndarray:
    """The pieces of a picture, uint8 [Y, X], between empty columns, from left to right.

    Returns:
      float32 [N, PIECE, PIECE]: the ink of each, shrunk or grown alike on both axes until it fits,
      and centred. Digits that touch, or of which one hangs over the other, are one piece.
    """
    inked = np.concatenate([[0], picture.max(axis=0) > 0, [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(inked) == 1), np.flatnonzero(np.diff(inked) == -1)
    found = [_scaled(picture[:, start:end]) for start, end in zip(starts, ends, strict=True)]
    return np.array(found, np.float32).reshape(-1, PIECE, PIECE)


def _scaled(piece: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(piece.max(axis=1))
    image = Image.fromarray(piece[rows[0] : rows[-1] + 1])
    return np.asarray(ImageOps.pad(image, (PIECE, PIECE), Image.Resampling.BILINEAR))
