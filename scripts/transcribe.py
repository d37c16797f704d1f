"""Transcribes sound files of one's own with a trained run.

transcribe.py runs/a file.wav other.wav ...            what is said in each
transcribe.py runs/a file.wav --align "what is said"   when each word of a text is said
"""

import sys
from pathlib import Path

import numpy as np

from nnarch.data.audio import read_wav, to_int16
from scripts.runs import Run, open_or_tell


def main(arguments: list[str]) -> int:
    """Prints a line for each file, or for each word; returns 1 if anything could not be done."""
    arguments, text = _split(arguments)
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    run = open_or_tell(Path(arguments[0]), of="speech")
    if run is None:
        return 1
    recordings, failed = _read([Path(name) for name in arguments[1:]])
    for path, recording in recordings.items():
        if text is None:
            print(f"{path}: {_transcribe(run, recording)}")
        else:
            failed |= _align(run, path, recording, text)
    return int(failed)


def _split(arguments: list[str]) -> tuple[list[str], str | None]:
    """The arguments without --align, and the text that follows it."""
    if "--align" not in arguments:
        return arguments, None
    place = arguments.index("--align")
    if place + 1 == len(arguments):
        return ["--"], None
    return arguments[:place] + arguments[place + 2 :], arguments[place + 1]


def _read(paths: list[Path]) -> tuple[dict[Path, np.ndarray], bool]:
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
