"""Pictures of one's own, read from files of any kind."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

# What Pillow raises where a file is wrong; an animation that is cut short is an IndexError.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    Image.DecompressionBombError,
)


class NotAPicture(Exception):
    """A file cannot be read as a picture; the message names it."""


def open_picture(path: Path) -> Image.Image:
    """The first picture of a file, upright, in RGBA.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    with _opened(path, str(path)) as file:
        return _rgba(file)


def open_pictures(path: Path) -> list[Image.Image]:
    """Every picture of a file, such as the pages of a TIFF, upright, in RGBA.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    with _opened(path, str(path)) as file:
        return [_rgba(frame) for frame in ImageSequence.Iterator(file)]


# What is read of what strangers send: the fewer decoders, the less can be wrong with them.
SENT_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
MOST_PIXELS = 25_000_000  # 100 MB when decoded


def open_sent(content: bytes) -> Image.Image:
    """The first picture of what somebody sent, upright, in RGBA.

    Raises:
      NotAPicture: it is damaged, none of SENT_FORMATS, or of more than MOST_PIXELS.
    """
    with _opened(io.BytesIO(content), "What was sent", formats=SENT_FORMATS) as file:
        if file.width * file.height > MOST_PIXELS:  # known before anything is decoded
            raise NotAPicture(
                f"What was sent has {file.width} x {file.height} pixels; at most "
                f"{MOST_PIXELS:,} are read. Make it smaller."
            )
        return _rgba(file)


@contextmanager
def _opened(
    file: Path | BinaryIO, name: str, *, formats: tuple[str, ...] | None = None
) -> Iterator[Image.Image]:
    try:
        with Image.open(file, formats=formats) as opened:
            yield opened
    except UnidentifiedImageError:
        raise NotAPicture(
            f"{name} is not a picture that can be read. Give a PNG or JPEG."
        ) from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAPicture(f"{name} cannot be read: {reason}.") from error


def on_white(picture: Image.Image, size: int) -> np.ndarray:
    """An RGBA picture as training shows them: uint8 [size, size, 3].

    What is transparent becomes white; what is not square is centred on white.
    """
    drawn = ImageOps.contain(picture, (size, size), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", (size, size), "white")
    ground.alpha_composite(drawn, ((size - drawn.width) // 2, (size - drawn.height) // 2))
    return np.asarray(ground.convert("RGB"))


def _rgba(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):  # more than 8 bits: Pillow would cut them off
        values = np.asarray(upright, np.float64)
        spread = max(float(np.ptp(values)), 1e-9)
        upright = Image.fromarray(np.uint8(255 * (values - values.min()) / spread))
    return upright.convert("RGBA")
