"""Options that scripts share; tyro reads a command line into them.

A script then leaves with status 2, and says why, where an option is unknown, absent or senseless.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

RunFolder = Positional[Annotated[Path, arg(metavar="RUN")]]
Files = Positional[
    Annotated[tuple[Path, ...], arg(metavar="FILE [FILE ...]", help_behavior_hint="(required)")]
]


@dataclass(frozen=True)
class OfFiles:
    """Files of one's own, and the run that they are shown to."""

    run: RunFolder
    """The folder of a trained run."""
    files: Files
    """What is shown to it."""

    def __post_init__(self) -> None:
        """Refuses a run alone."""
        if not self.files:
            raise ValueError("name one file or more behind the run.")


def check_seed(seed: int) -> None:
    """Raises ValueError unless it is one of draws."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed is from 0 to 2**32 - 1; got {seed}.")
