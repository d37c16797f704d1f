"""Clips of one's own, read from animated pictures and video files."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from scripts import pictures
from scripts.pictures import MOST_PIXELS

MOST_FRAMES = 3000  # of a file: two minutes of most videos
UNSAID = 0.1  # seconds that a frame lasts whose file does not say

# What a file may be wrong in.
DAMAGED = (*pictures.DAMAGED, av.FFmpegError)


class NotAClip(Exception):
    """A file cannot be read as a clip; the message names it."""


class Shown(NamedTuple):
    """A frame, and when it is shown."""

    picture: Image.Image  # RGBA, no larger than was asked for
    start: float  # seconds


def read_clip(path: Path, *, count: int, side: int) -> list[Image.Image]:
    """`count` frames at even distances in time, from the first to the last, in RGBA.

    Animated GIF, PNG and WebP files are read by Pillow, all others by FFmpeg's libraries.

    Args:
      path: of the file.
      count: frames to be had; some come twice where the file has fewer.
      side: pixels; larger frames are made smaller.

    Raises:
      NotAClip: the file is absent, empty, damaged, too long or large, no clip, or one frame alone.
    """
    if not path.is_file():
        raise NotAClip(f"{path} is not there, or is no file. {WANTED}")
    if not path.stat().st_size:
        raise NotAClip(f"{path} is empty. {WANTED}")
    try:
        frames = _animated(path, side) if _is_picture(path) else _filmed(path, side)
        found = list(islice(frames, MOST_FRAMES + 1))
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAClip(f"{path} cannot be read as a clip: {reason}. {WANTED}") from error
    if len(found) > MOST_FRAMES:
        raise NotAClip(f"{path} has more than {MOST_FRAMES:,} frames. Cut out what is to be told.")
    if len(found) < 2:
        raise NotAClip(f"{path} has {len(found) or 'no'} frame, and a clip has many. {WANTED}")
    return _at_even_distances(found, count)


WANTED = "Give an animated GIF or PNG, or a video such as an MP4."


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path):
            return True
    except UnidentifiedImageError:
        return False


def _animated(path: Path, side: int) -> Iterator[Shown]:
    start = 0.0
    with Image.open(path) as opened:
        for frame in ImageSequence.Iterator(opened):
            yield Shown(_small(frame, side), start)
            start += (frame.info.get("duration") or 1000 * UNSAID) / 1000


def _filmed(path: Path, side: int) -> Iterator[Shown]:
    with av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.video:
            raise ValueError("it has no pictures")
        for number, frame in enumerate(container.decode(container.streams.video[0])):
            start = number * UNSAID if frame.time is None else frame.time
            yield Shown(_small(frame.to_image(), side), start)


def _small(frame: Image.Image, side: int) -> Image.Image:
    if frame.width * frame.height > MOST_PIXELS:
        raise ValueError(f"its frames have {frame.width} x {frame.height} pixels")
    small = frame.convert("RGBA")
    small.thumbnail((side, side))
    return small


def _at_even_distances(found: list[Shown], count: int) -> list[Image.Image]:
    """The frame that is shown at each of `count` times."""
    starts = np.array([shown.start for shown in found])
    times = np.linspace(starts.min(), starts.max(), count)
    order = np.argsort(starts, kind="stable")
    places = np.searchsorted(starts[order], times + 1e-6, side="right") - 1
    return [found[order[place]].picture for place in places]
