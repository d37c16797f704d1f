"""Pictures of one's own, read from files of any kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError


class NotAPicture(Exception):
    """A file cannot be read as a picture; the message names it."""


def open_picture(path: Path) -> Image.Image:
    """The first picture of a file, upright, in RGBA.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    with _opened(path) as file:
        return _rgba(file)


def open_pictures(path: Path) -> list[Image.Image]:
    """Every picture of a file, such as the pages of a TIFF, upright, in RGBA.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    with _opened(path) as file:
        return [_rgba(frame) for frame in ImageSequence.Iterator(file)]


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as file:
            yield file
    except UnidentifiedImageError:
        raise NotAPicture(
            f"{path} is not a picture that can be read. Give a PNG or JPEG."
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAPicture(f"{path} cannot be read: {reason}.") from error


def _rgba(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):  # more than 8 bits: Pillow would cut them off
        values = np.asarray(upright, np.float64)
        spread = max(float(np.ptp(values)), 1e-9)
        upright = Image.fromarray(np.uint8(255 * (values - values.min()) / spread))
    return upright.convert("RGBA")
