"""Draws what a caption says with a trained run of drawing.

$ draw.py runs/a "the digit three is at the top left" out.png   a picture
$ draw.py runs/a "the digit three is at the top left" out.gif   how it comes about, step by step
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from scripts.options import RunFolder, check_seed
from scripts.runs import open_or_tell

ENDINGS = (".png", ".gif")
SCALE = 4  # pixels a side of each that is drawn
MOST = 64  # pictures
STEP_MS, REST_MS = 125, 1500


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    run: RunFolder
    """The folder of a run of drawing."""
    caption: tyro.conf.Positional[str]
    """What is drawn, in words that training knows."""
    output: tyro.conf.Positional[Path]
    """A .png, or a .gif that shows each step."""
    count: int = 1
    """Pictures beside each other."""
    seed: int = 0
    """Another one draws other pictures of the same words."""

    def __post_init__(self) -> None:
        """Refuses counts of nothing."""
        if not 1 <= self.count <= MOST:
            raise ValueError(f"--count is from 1 to {MOST}; got {self.count}.")
        check_seed(self.seed)


def main(arguments: list[str]) -> int:
    """Writes the picture; returns the exit status."""
    options = tyro.cli(Options, args=arguments, prog="draw.py", description=__doc__)
    if options.output.suffix.lower() not in ENDINGS:
        print(f"error: expected a file named .png or .gif; got {options.output}", file=sys.stderr)
        return 1
    run = open_or_tell(options.run, of="drawing")
    if run is None:
        return 1
    if run.config.model.words == "none":
        print("note: this run was trained without words, and reads none", file=sys.stderr)
    try:
        captions = [options.caption] * options.count
        drawn = run.experiment.draw(run.config, run.model, captions, seed=options.seed)
        save(drawn.canvases, options.output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


def save(canvases: np.ndarray, output: Path) -> None:
    """Pictures side by side, float [N, T, Y, X] from 0 to 1: the last step, or all as they play."""
    lines = np.concatenate([*canvases], axis=2)  # [T, Y, N X]
    bytes_of = np.clip(255 * lines, 0, 255).round().astype(np.uint8)
    first, *rest = (
        Image.fromarray(frame.repeat(SCALE, axis=0).repeat(SCALE, axis=1)) for frame in bytes_of
    )
    if output.suffix.lower() == ".png":
        [first, *rest][-1].save(output)
        return
    durations = [STEP_MS] * len(rest) + [REST_MS]
    first.save(output, save_all=True, append_images=rest, duration=durations, loop=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
