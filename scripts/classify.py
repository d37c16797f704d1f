"""Rates texts of one's own with a trained run, and shows which words moved the rating.

$ classify.py runs/a "I love this" "so sad :("    a line for each, and its words by how they count
$ classify.py runs/a < lines.txt                  the same for each line
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.text import Text

from scripts.options import RunFolder
from scripts.runs import Run, open_or_tell
from scripts.standard_input import lines
from scripts.standard_output import until_closed

FAINT = 0.05  # an effect that is not shown
STRONG = 0.5  # one that is shown at full strength
MOST = 8  # words that are listed


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    run: RunFolder
    """The folder of a run of sentiment."""
    texts: tyro.conf.Positional[tuple[str, ...]] = ()
    """What is rated; the lines of standard input if there is none. -- stands before texts that
    begin with a dash."""


@until_closed
def main(arguments: list[str]) -> int:
    """Prints two lines for each text; returns 1 if there is no run."""
    options = tyro.cli(Options, args=arguments, prog="classify.py", description=__doc__)
    run = open_or_tell(options.run, of="sentiment")
    if run is None:
        return 1
    classify(run, options.texts or lines())
    return 0


def classify(run: Run, texts: Iterable[str]) -> None:
    """Prints each text's rating, its words and the strongest of them."""
    console = Console(highlight=False, soft_wrap=True)
    for text in texts:
        told = run.experiment.explain(run.config, run.model, text)
        if not told.words:
            console.print("  -    (no words)", markup=False)
            continue
        console.print(_tinted(told))
        console.print(f"       {_listed(told)}", markup=False)


def _tinted(told) -> Text:
    """The rating and the words, green where they raise it and red where they lower it."""
    line = Text(f"{told.told:+.2f}  ", style="bold")
    for word, effect in zip(told.words, told.effects, strict=True):
        line.append(_shown(word), style=_style(effect))
        line.append(" ")
    line.rstrip()
    return line


def _style(effect: float) -> str:
    if abs(effect) < FAINT:
        return "not bold"
    strength = "bold" if abs(effect) >= STRONG else "not bold"
    return f"{strength} {'green' if effect > 0 else 'red'}"


def _listed(told) -> str:
    """The words that moved the rating most, in the order of how much."""
    moved = [*zip(told.words, told.effects, strict=True)]
    moved = sorted((each for each in moved if abs(each[1]) >= FAINT), key=lambda e: -abs(e[1]))
    listed = ", ".join(f"{_shown(word)} {effect:+.2f}" for word, effect in moved[:MOST])
    return listed or "no single word moves it"


def _shown(word: str) -> str:
    """What cannot be printed, such as what would command the terminal, becomes a mark."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
