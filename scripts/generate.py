"""Writes on from a beginning, character by character, with a trained run of characters.

$ generate.py runs/a --prime "def " --temperature 0.7   until --length characters are written
$ generate.py runs/a --length 2000 > written.txt        from the start of a file or a book
"""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import tyro

from scripts.options import RunFolder, check_seed
from scripts.runs import open_or_tell
from scripts.standard_output import until_closed


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    run: RunFolder
    """The folder of a run of characters."""
    prime: str = ""
    """What stands before; a file or a book starts if it is empty."""
    temperature: float = 0.7
    """Above 0; the lower, the more what is written keeps to what is likely."""
    length: int = 500
    """Characters that are written after it."""
    seed: int = 0
    """Another one writes another text."""

    def __post_init__(self) -> None:
        """Refuses to write nothing."""
        if self.length < 1:
            raise ValueError(f"--length is 1 or more; got {self.length}.")
        check_seed(self.seed)


@until_closed
def main(arguments: list[str]) -> int:
    """Prints the text as it is written; returns 1 if that could not be done."""
    options = tyro.cli(Options, args=arguments, prog="generate.py", description=__doc__)
    run = open_or_tell(options.run, of="characters")
    if run is None:
        return 1
    try:
        written = run.experiment.write(
            run.config,
            run.model,
            options.prime,
            temperature=options.temperature,
            seed=options.seed,
        )
    except ValueError as error:
        return _fail(error)
    return _show(options.prime, itertools.chain.from_iterable(written), options.length)


def _show(prime: str, written: Iterator[str], length: int) -> int:
    """A character at a time, until whoever reads it has enough."""
    try:
        for text in itertools.chain([prime], itertools.islice(written, length), ["\n"]):
            print(text, end="", flush=True)
    except KeyboardInterrupt:
        print()
    return 0


def _fail(error: object) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
