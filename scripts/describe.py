"""Tells what happens in clips of one's own, with a trained run.

$ describe.py runs/a clip.gif other.mp4 ...         a sentence for each
$ describe.py runs/a clip.gif --attention map.png   draws which frames each word looked at

A clip is an animated GIF or PNG, or a video. It is brought to as many frames, and to as many
pixels, as the run was trained on.
"""

import sys
from pathlib import Path

import numpy as np

from nnarch.report import attention_picture
from scripts.clips import NotAClip, read_clip
from scripts.runs import Run
from scripts.standard_output import until_closed
from scripts.telling import Teller, tell_files


@until_closed
def main(arguments: list[str]) -> int:
    """Prints a line for each file; returns 1 if one could not be told."""
    return tell_files(arguments, "describe.py", __doc__, TELLER)


def _read(run: Run, path: Path) -> np.ndarray:
    from experiments._told_clips import fitted

    data = run.config.data
    return fitted(data, read_clip(path, count=data.frames, side=2 * data.size))


def _draw(run: Run, clips: np.ndarray) -> bytes:
    (looked,) = run.experiment.look(run.config, run.model, clips)
    return attention_picture(looked)


TELLER = Teller(
    experiment="video",
    read=_read,
    unreadable=NotAClip,
    tell=lambda run, clips: run.experiment.tell(run.config, run.model, clips),
    draw=_draw,
    most_drawn=1,
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
