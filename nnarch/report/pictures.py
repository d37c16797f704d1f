"""Arrays and figures as PNG, and PNGs as elements that carry their own bytes."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from nnarch.report.markup import Html, element

DOTS_PER_INCH = 192  # twice a page's own, for dense screens


def png_of_array(picture: np.ndarray) -> bytes:
    """Encodes a picture.

    Args:
      picture: [Y, X] or [Y, X, 3]; uint8, or float from 0 to 1.

    Raises:
      ValueError: it has another shape.
    """
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise ValueError(
            f"expected a picture [Y, X] or [Y, X, 3]; got {picture.shape}. Pass one picture, "
            "channels last."
        )
    if picture.dtype != np.uint8:
        picture = np.clip(np.nan_to_num(picture) * 255, 0, 255).round().astype(np.uint8)
    return _encoded(Image.fromarray(picture))


def png_of_clip(frames: np.ndarray, *, frames_per_second: float = 8) -> bytes:
    """Encodes a clip as an animated PNG, which plays without end and rests on its last frame.

    Args:
      frames: uint8 [T, Y, X] or [T, Y, X, channels], of 1 or 3 channels.
      frames_per_second: how fast it plays.

    Raises:
      ValueError: it has another shape.
    """
    frames = np.asarray(frames)
    if frames.ndim == 4 and frames.shape[3] == 1:
        frames = frames[..., 0]
    if frames.ndim not in (3, 4) or frames.shape[3:] not in ((), (3,)) or not len(frames):
        raise ValueError(
            f"expected a clip [T, Y, X] or [T, Y, X, 3]; got {frames.shape}. Pass one clip, "
            "channels last."
        )
    first, *rest = map(Image.fromarray, frames)
    each = round(1000 / frames_per_second)
    buffer = io.BytesIO()
    first.save(
        buffer,
        "PNG",
        save_all=True,
        append_images=rest,
        duration=[each] * len(rest) + [6 * each],
        loop=0,
    )
    return buffer.getvalue()


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def png_of_figure(figure: Figure) -> bytes:
    """Renders a matplotlib figure, its ground as the figure has it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def inline(png: bytes, *, alt: str) -> Html:
    """An `img` with the bytes in it."""
    return element("img", attributes={"src": _data_address(png), "alt": alt})


def inline_pair(light: bytes, dark: bytes, *, alt: str) -> Html:
    """A drawn figure that has a version for a dark page, at half its dots a side."""
    for_dark = {"srcset": _data_address(dark), "media": "(prefers-color-scheme: dark)"}
    width = Image.open(io.BytesIO(light)).width // 2
    shown = {"src": _data_address(light), "alt": alt, "width": str(width)}
    return element(
        "picture", element("source", attributes=for_dark), element("img", attributes=shown)
    )


def _data_address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
