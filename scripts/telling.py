"""What scripts share that tell files in words: each is read, told and printed in a line."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from scripts.options import OfFiles
from scripts.runs import Run, open_or_tell


@dataclass(frozen=True)
class Options(OfFiles):
    """What is asked for."""

    attention: Path | None = None
    """A PNG of where each word looked."""


class Teller(NamedTuple):
    """A kind of run that tells what files show."""

    experiment: str  # whose runs
    read: Callable[[Run, Path], np.ndarray]
    unreadable: type[Exception]  # raised by `read`, with what to do about it
    tell: Callable[[Run, np.ndarray], list[str]]  # one text for each that was read
    draw: Callable[[Run, np.ndarray], bytes]  # a PNG of where each word looked
    most_drawn: int | None = None  # files at once; any number if None


def tell_files(arguments: list[str], script: str, description: str, teller: Teller) -> int:
    """Prints a line for each file; returns 1 if one could not be told.

    Args:
      arguments: RUN FILE ..., and perhaps --attention PNG.
      script: its name.
      description: what --help says of it.
      teller: of the run that is named.
    """
    options = tyro.cli(Options, args=arguments, prog=script, description=description)
    run = open_or_tell(options.run, of=teller.experiment)
    if run is None:
        return 1
    try:
        return _tell(teller, run, options.files, options.attention)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _tell(teller: Teller, run: Run, paths: Sequence[Path], drawn: Path | None) -> int:
    """Tells the files that can be read and names those that cannot; the exit status.

    Raises:
      ValueError: attention is to be drawn, and the run does not attend, the file is no PNG, or
        files are too many.
      OSError: the file cannot be written.
    """
    if drawn is not None:
        _check_drawing(drawn, paths, teller.most_drawn or len(paths))
    found = {}
    for path in paths:
        try:
            found[path] = teller.read(run, path)
        except teller.unreadable as error:
            print(f"error: {error}", file=sys.stderr)
    if found:
        read = np.stack([*found.values()])
        if drawn is not None:
            drawn.write_bytes(teller.draw(run, read))
        for path, words in zip(found, teller.tell(run, read), strict=True):
            print(f"{path}: {words}")
    return 0 if len(found) == len(set(paths)) else 1


def _check_drawing(drawn: Path, paths: Sequence[Path], most: int) -> None:
    if len(paths) > most:
        raise ValueError(f"attention is drawn of {most} at a time; got {len(paths)} files.")
    if drawn.suffix.lower() != ".png":
        raise ValueError(f"expected a file whose name ends in .png; got {drawn}. Name another.")
    if drawn.resolve() in [path.resolve() for path in paths]:
        raise ValueError(f"{drawn} is to be told, and would be drawn over. Name another.")
