"""Tells what happens in clips of one's own, with a trained run.

describe.py runs/a clip.gif other.mp4 ...             a sentence for each
describe.py runs/a clip.gif --attention map.png       draws which frames each word looked at, if the
                                                      run attends

A clip is an animated GIF or PNG, or a video. It is brought to as many frames, and to as many
pixels, as the run was trained on.
"""

import sys
from pathlib import Path

import numpy as np

from nnarch.report import attention_picture
from scripts.clips import NotAClip, read_clip
from scripts.runs import Run, open_or_tell


def main(arguments: list[str]) -> int:
    """Prints a line for each file; returns 1 if one could not be told."""
    arguments, drawn = _split(arguments)
    if len(arguments) < 2 or arguments[0].startswith("-") or (drawn and len(arguments) > 2):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of="video")
    if run is None:
        return 1
    try:
        return describe(run, [Path(name) for name in arguments[1:]], drawn)
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


def describe(run: Run, paths: list[Path], drawn: Path | None = None) -> int:
    """Tells the files that are clips and names those that are not; the exit status.

    Raises:
      ValueError: attention is to be drawn, and the run does not attend, or the file is no PNG.
      OSError: the file cannot be written.
    """
    from experiments._told_clips import fitted

    clips, data = {}, run.config.data
    for path in paths:
        try:
            frames = read_clip(path, count=data.frames, side=2 * data.size)
            clips[path] = fitted(data, frames)
        except NotAClip as error:
            print(f"error: {error}", file=sys.stderr)
    if clips:
        told = _tell(run, np.stack([*clips.values()]), drawn)
        for path, words in zip(clips, told, strict=True):
            print(f"{path}: {words}")
    return 0 if len(clips) == len(set(paths)) else 1


def _tell(run: Run, clips: np.ndarray, drawn: Path | None) -> list[str]:
    """The sentence of each clip; where its words looked goes into `drawn`."""
    if drawn is None:
        return run.experiment.tell(run.config, run.model, clips)
    if drawn.suffix.lower() != ".png":
        raise ValueError(f"expected a file whose name ends in .png; got {drawn}. Name another.")
    (looked,) = run.experiment.look(run.config, run.model, clips)
    drawn.write_bytes(attention_picture(looked))
    return run.experiment.tell(run.config, run.model, clips)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
