"""Transcribes sound files of one's own with a trained run.

$ transcribe.py runs/a file.wav other.wav ...            what is said in each
$ transcribe.py runs/a file.wav --align "what is said"   when each word of a text is said
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from nnarch.data.audio import read_wav, to_int16
from scripts.options import OfFiles
from scripts.runs import Run, open_or_tell
from scripts.standard_output import until_closed


@dataclass(frozen=True)
class Options(OfFiles):
    """What is asked for."""

    align: str | None = None
    """A text that is said; when each of its words is, is told in place of what is said."""


@until_closed
def main(arguments: list[str]) -> int:
    """Prints a line for each file, or for each word; returns 1 if anything could not be done."""
    options = tyro.cli(Options, args=arguments, prog="transcribe.py", description=__doc__)
    run = open_or_tell(options.run, of="speech")
    if run is None:
        return 1
    recordings, failed = _read(options.files)
    for path, recording in recordings.items():
        if options.align is None:
            print(f"{path}: {_transcribe(run, recording)}")
        else:
            failed |= _align(run, path, recording, options.align)
    return int(failed)


def _read(paths: Sequence[Path]) -> tuple[dict[Path, np.ndarray], bool]:
    from nnarch.data.speech import SAMPLE_RATE

    recordings, failed = {}, False
    for path in paths:
        try:
            recordings[path] = to_int16(read_wav(path, SAMPLE_RATE))
        except (ValueError, OSError) as error:
            failed = bool(_fail(error))
    return recordings, failed


def _transcribe(run: Run, recording: np.ndarray) -> str:
    from nnarch.data.speech import Spoken, sound

    told = run.experiment.transcribe(run.config, run.model, Spoken(sound([recording]), ("",)))
    return told[0]


def _align(run: Run, path: Path, recording: np.ndarray, text: str) -> bool:
    """Prints when each word is said; whether that failed."""
    try:
        aligned = run.experiment.align(run.config, run.model, recording, text)
    except ValueError as error:
        return bool(_fail(error))
    words = run.experiment.words_of(aligned, text)
    if not words:
        return bool(
            _fail(f"{path} is too short for that text, or none is given. Give what is said in it.")
        )
    for word in words:
        print(f"{path}: {word.start:7.2f} to {word.end:7.2f} s  {word.text}")
    return False


def _fail(error: object) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
