"""Draws what a caption says with a trained run of drawing.

draw.py runs/a "the digit three is at the top left" out.png     a picture
draw.py runs/a "the digit three is at the top left" out.gif     how it comes about, step by step
Options: --count N (pictures beside each other, 1), --seed N (other pictures of the same words, 0)
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.runs import open_or_tell

ENDINGS = (".png", ".gif")
SCALE = 4  # pixels a side of each that is drawn
MOST = 64  # pictures
STEP_MS, REST_MS = 125, 1500


def main(arguments: list[str]) -> int:
    """Writes the picture; returns the exit status."""
    options = _parse(arguments)
    if options is None:
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    if options.output.suffix.lower() not in ENDINGS:
        print(f"error: expected a file named .png or .gif; got {options.output}", file=sys.stderr)
        return 1
    run = open_or_tell(options.run, of="drawing")
    if run is None:
        return 1
    try:
        captions = [options.caption] * options.count
        drawn = run.experiment.draw(run.config, run.model, captions, seed=options.seed)
        save(drawn.canvases, options.output)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace | None:
    """The options, or nothing where they make no sense."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("run", type=Path)
    parser.add_argument("caption")
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    try:
        options, rest = parser.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit):
        return None
    possible = 1 <= options.count <= MOST and 0 <= options.seed < 2**32
    return options if possible and not rest else None


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
