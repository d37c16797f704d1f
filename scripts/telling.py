"""What scripts share that tell files in words: each is read, told and printed in a line."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.runs import Run, open_or_tell


class Teller(NamedTuple):
    """A kind of run that tells what files show."""

    experiment: str  # whose runs
    read: Callable[[Run, Path], np.ndarray]
    unreadable: type[Exception]  # raised by `read`, with what to do about it
    tell: Callable[[Run, np.ndarray], list[str]]  # one text for each that was read
    draw: Callable[[Run, np.ndarray], bytes]  # a PNG of where each word looked
    most_drawn: int | None = None  # files at once; any number if None


def tell_files(arguments: list[str], help_text: str, teller: Teller) -> int:
    """Prints a line for each file; returns 1 if one could not be told.

    Args:
      arguments: RUN FILE ..., and perhaps --attention PNG.
      help_text: what is printed where they make no sense.
      teller: of the run that is named.
    """
    arguments, drawn = _split(arguments)
    most = teller.most_drawn or len(arguments)
    too_many = drawn is not None and len(arguments) > 1 + most
    if len(arguments) < 2 or arguments[0].startswith("-") or too_many:
        print(help_text.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of=teller.experiment)
    if run is None:
        return 1
    try:
        return _tell(teller, run, [Path(name) for name in arguments[1:]], drawn)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _split(arguments: list[str]) -> tuple[list[str], Path | None]:
    """The arguments without --attention, and the file that follows it."""
    if "--attention" not in arguments:
        return arguments, None
    place = arguments.index("--attention")
    if place + 1 == len(arguments):
        return ["--"], None
    return arguments[:place] + arguments[place + 2 :], Path(arguments[place + 1])


def _tell(teller: Teller, run: Run, paths: list[Path], drawn: Path | None) -> int:
    """Tells the files that can be read and names those that cannot; the exit status.

    Raises:
      ValueError: attention is to be drawn, and the run does not attend, or the file is no PNG.
      OSError: the file cannot be written.
    """
    if drawn is not None:
        _check_drawing(drawn, paths)
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


def _check_drawing(drawn: Path, paths: list[Path]) -> None:
    if drawn.suffix.lower() != ".png":
        raise ValueError(f"expected a file whose name ends in .png; got {drawn}. Name another.")
    if drawn.resolve() in [path.resolve() for path in paths]:
        raise ValueError(f"{drawn} is to be told, and would be drawn over. Name another.")
