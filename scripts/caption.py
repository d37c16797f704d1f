"""Captions pictures of one's own with a trained run.

$ caption.py runs/a picture.png other.jpg ...
$ caption.py runs/a picture.png --attention map.png   draws where each word looked, if it attends
"""

import sys
from pathlib import Path

import numpy as np

from nnarch.report import overlays_png
from scripts.pictures import NotAPicture, on_white, open_picture
from scripts.standard_output import until_closed
from scripts.telling import Teller, tell_files


@until_closed
def main(arguments: list[str]) -> int:
    """Prints a line for each picture; returns 1 if one could not be captioned."""
    return tell_files(arguments, "caption.py", __doc__, TELLER)


def read_picture(path: Path, size: int) -> np.ndarray:
    """A picture of any size and mode as training shows them: uint8 [size, size, 3], on white.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    return on_white(open_picture(path), size)


TELLER = Teller(
    experiment="captioning",
    read=lambda run, path: read_picture(path, run.config.data.size),
    unreadable=NotAPicture,
    tell=lambda run, pictures: run.experiment.caption(run.config, run.model, pictures),
    draw=lambda run, pictures: overlays_png(run.experiment.look(run.config, run.model, pictures)),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
