"""Speaks what it is asked for, line by line: espeak-ng by ctypes, in a process of its own.

    python espeak.py < requests > sound

A request is a line of JSON (see Request in engine.py). The answer is the number of samples,
uint32, then as many int16, little-endian, at the rate that is written first of all (uint32 too).
This file imports nothing of nnarch: it starts in a tenth of a second.
"""

import ctypes
import json
import struct
import sys
from pathlib import Path

import espeakng_loader

# Of espeak-ng's speak_lib.h.
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8, _SSML = 0x01, 0x10
_PARAMETERS = {"rate": 1, "pitch": 3, "pitch_range": 4, "word_gap": 7}
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Engine:
    """The loaded library. It keeps state, so that what it says depends on what it said before."""

    def __init__(self) -> None:
        self._variants = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._spoken: list[bytes] = []
        self._callback = _CALLBACK(self._receive)  # must live as long as the library uses it
        folder = espeakng_loader.get_data_path().encode()
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, _DONT_EXIT)
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng did not start with its data in {folder.decode()}.")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # it begins with the time of day

    def _receive(self, samples, count: int, events) -> int:
        if samples and count:
            self._spoken.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    def say(self, request: dict) -> bytes:
        """The samples of one request."""
        self._choose(request["voice"])
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, request[name], 0)
        text, flags = request["text"], _UTF8
        if request["spelled"]:  # alone, "a" would be said as the article
            letters = text.replace(" ", "")
            text = f'<say-as interpret-as="characters">{letters}</say-as>'
            flags |= _SSML
        encoded = text.encode()
        self._spoken.clear()
        size = ctypes.c_size_t(len(encoded) + 1)
        if self._library.espeak_Synth(encoded, size, 0, 0, 0, flags, None, None):
            raise RuntimeError(f"espeak-ng could not say {text!r}.")
        if not self._spoken:
            raise RuntimeError(f"espeak-ng had nothing to say for {text!r}.")
        return b"".join(self._spoken)

    def _choose(self, voice: str) -> None:
        """An accent and a variant, en-us+m1; the library itself passes over a variant's absence."""
        _, _, variant = voice.partition("+")
        known = not variant or (self._variants / variant).is_file()
        if not known or self._library.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"espeak-ng has no voice {voice!r}.")


def _serve() -> None:
    engine, out = Engine(), sys.stdout.buffer
    out.write(struct.pack("<I", engine.rate))
    out.flush()
    for line in sys.stdin:
        samples = engine.say(json.loads(line))
        out.write(struct.pack("<I", len(samples) // 2) + samples)
        out.flush()


if __name__ == "__main__":
    _serve()
