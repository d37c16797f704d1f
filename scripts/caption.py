"""Captions pictures of one's own with a trained run.

caption.py runs/a picture.png other.jpg ...
caption.py runs/a picture.png --attention map.png   draws where each word looked, if a run attends
"""

import sys
from pathlib import Path

import numpy as np

from nnarch.report import overlays_png
from scripts.pictures import NotAPicture, on_white, open_picture
from scripts.runs import Run, open_or_tell


def main(arguments: list[str]) -> int:
    """Prints a line for each picture; returns 1 if one could not be captioned."""
    arguments, drawn = _split(arguments)
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of="captioning")
    if run is None:
        return 1
    try:
        return caption(run, [Path(name) for name in arguments[1:]], drawn)
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


def caption(run: Run, paths: list[Path], drawn: Path | None = None) -> int:
    """Captions the files that are pictures and names those that are not; the exit status.

    Raises:
      ValueError: attention is to be drawn, and the run does not attend, or the file is no PNG.
      OSError: the file cannot be written.
    """
    pictures = {}
    for path in paths:
        try:
            pictures[path] = read_picture(path, run.config.data.size)
        except NotAPicture as error:
            print(f"error: {error}", file=sys.stderr)
    if pictures:
        told = _tell(run, np.stack([*pictures.values()]), drawn)
        for path, words in zip(pictures, told, strict=True):
            print(f"{path}: {words}")
    return 0 if len(pictures) == len(set(paths)) else 1


def _tell(run: Run, pictures: np.ndarray, drawn: Path | None) -> list[str]:
    """The caption of each picture; where its words looked goes into `drawn`."""
    if drawn is None:
        return run.experiment.caption(run.config, run.model, pictures)
    if drawn.suffix.lower() != ".png":
        raise ValueError(f"expected a file whose name ends in .png; got {drawn}. Name another.")
    looked = run.experiment.look(run.config, run.model, pictures)
    drawn.write_bytes(overlays_png(looked))
    return [" ".join(each.words) for each in looked]


def read_picture(path: Path, size: int) -> np.ndarray:
    """A picture of any size and mode as training shows them: uint8 [size, size, 3], on white.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    return on_white(open_picture(path), size)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
