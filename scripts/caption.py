"""Captions pictures of one's own with a trained run.

caption.py runs/a picture.png other.jpg ...
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from scripts.pictures import NotAPicture, open_picture
from scripts.runs import Run, open_or_tell


def main(arguments: list[str]) -> int:
    """Prints a line for each picture; returns 1 if one could not be captioned."""
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of="captioning")
    return 1 if run is None else caption(run, [Path(name) for name in arguments[1:]])


def caption(run: Run, paths: list[Path]) -> int:
    """Captions the files that are pictures and names those that are not; the exit status."""
    pictures = {}
    for path in paths:
        try:
            pictures[path] = read_picture(path, run.config.data.size)
        except NotAPicture as error:
            print(f"error: {error}", file=sys.stderr)
    if pictures:
        told = run.experiment.caption(run.config, run.model, np.stack([*pictures.values()]))
        for path, words in zip(pictures, told, strict=True):
            print(f"{path}: {words}")
    return 0 if len(pictures) == len(set(paths)) else 1


def read_picture(path: Path, size: int) -> np.ndarray:
    """A picture of any size and mode as training shows them: uint8 [size, size, 3], on white.

    What is transparent becomes white; what is not square is centred on white.

    Raises:
      NotAPicture: the file is absent, unreadable, damaged or no picture.
    """
    drawn = ImageOps.contain(open_picture(path), (size, size), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", (size, size), "white")
    ground.alpha_composite(drawn, ((size - drawn.width) // 2, (size - drawn.height) // 2))
    return np.asarray(ground.convert("RGB"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
