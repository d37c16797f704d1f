"""Reads the digits on pictures of one's own with a trained run.

$ read.py runs/a picture.png other.jpg ...
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from scripts.options import OfFiles
from scripts.pictures import NotAPicture, open_pictures
from scripts.runs import Run, open_or_tell
from scripts.standard_output import until_closed


@until_closed
def main(arguments: list[str]) -> int:
    """Prints a line for each picture; returns 1 if one could not be read."""
    options = tyro.cli(OfFiles, args=arguments, prog="read.py", description=__doc__)
    run = open_or_tell(options.run, of="handwriting")
    return 1 if run is None else read(run, options.files)


def read(run: Run, paths: Sequence[Path]) -> int:
    """Reads the files that show digits and names those that do not; the exit status."""
    from nnarch.data.digit_rows import unlabelled

    pictures, failed = {}, False
    for path in paths:
        found, wrong = read_pictures(path)
        pictures |= found
        failed |= bool(wrong)
        for error in wrong:
            print(f"error: {error}", file=sys.stderr)
    if pictures:
        told = run.experiment.read(run.config, run.model, unlabelled([*pictures.values()]))
        for name, digits in zip(pictures, told, strict=True):
            print(f"{name}: {digits}")
    return int(failed)


def read_pictures(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The pictures of a file as training shows them, by what they are to be called; and what is
    wrong with the others.
    """
    from nnarch.data.digit_rows.normalising import normalise

    try:
        frames = open_pictures(path)
    except NotAPicture as error:
        return {}, [str(error)]
    pictures, wrong = {}, []
    for number, frame in enumerate(frames, 1):
        name = str(path) if len(frames) == 1 else f"{path}, picture {number}"
        try:
            pictures[name] = normalise(frame)
        except ValueError as error:
            wrong.append(f"{name} cannot be read: {error}.")
    return pictures, wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
