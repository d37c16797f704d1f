"""Translates English of one's own with a trained run.

$ translate.py runs/a "A sentence." "Another one."   a line for each
$ translate.py runs/a < lines.txt                    a line for each line
$ translate.py runs/a --nbest 3 "A sentence."        the three best of each, with their scores
$ translate.py runs/a --attention map.png "..."      draws where the net looked
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import tyro

from nnarch.data import placeholders
from nnarch.data.long_lines import cut_line
from scripts.options import RunFolder
from scripts.runs import Run, open_or_tell
from scripts.standard_input import lines, typed
from scripts.standard_output import until_closed


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    run: RunFolder
    """The folder of a run of translation."""
    texts: tyro.conf.Positional[tuple[str, ...]] = ()
    """What is translated; the lines of standard input if there is none. -- stands before texts that
    begin with a dash."""
    nbest: int = 1
    """Translations of each, the best first."""
    beam: int = 0
    """Translations that are followed at once; the run's own choice if 0."""
    attention: Path | None = None
    """A PNG of where the net looked in the first text."""

    def __post_init__(self) -> None:
        """Refuses counts of nothing."""
        if self.nbest < 1 or self.beam < 0:
            raise ValueError("--nbest is 1 or more, and --beam 0 or more.")
        if self.attention is not None and self.attention.suffix.lower() != ".png":
            raise ValueError(f"--attention is a file named .png; got {self.attention}.")
        if self.attention is not None and not self.attention.absolute().parent.is_dir():
            raise ValueError(f"--attention has no folder to lie in: {self.attention.parent}.")


@until_closed
def main(arguments: list[str]) -> int:
    """Prints the translations; returns 1 if anything could not be done."""
    options = tyro.cli(Options, args=arguments, prog="translate.py", description=__doc__)
    run = open_or_tell(options.run, of="translation")
    if run is None:
        return 1
    if options.texts or not typed():
        return _translate(run, options, options.texts or [*lines()])
    return max((_translate(run, options, [line]) for line in lines()), default=0)


def _translate(run: Run, options: Options, texts: Sequence[str]) -> int:
    prepared, failed = [], False
    for text in texts:
        try:
            prepared.append(_prepare(run, text))
        except ValueError as error:
            prepared.append(_Prepared((), ()))
            failed = bool(_fail(error))
    for place, translations in enumerate(_told(run, options, prepared)):
        for rank, (text, score) in enumerate(translations, start=1):
            print(f"{place + 1}.{rank}\t{score:.3f}\t{text}" if options.nbest > 1 else text)
    if options.attention and texts:
        failed |= _draw(run, options, prepared[0])
    return int(failed)


class _Prepared(NamedTuple):
    parts: tuple[str, ...]  # short enough for the net; none where there is nothing to translate
    found: tuple[str, ...]  # placeholders, by the number of their symbol


def _prepare(run: Run, text: str) -> _Prepared:
    """Raises ValueError where a text has too many placeholders."""
    masked, _, found = placeholders.mask(" ".join(text.split()))
    pieces = partial(run.experiment.pieces, run.config)
    parts = cut_line(masked, pieces, run.config.data.longest) if masked else ()
    return _Prepared(tuple(parts), found)


def _told(
    run: Run, options: Options, prepared: Sequence[_Prepared]
) -> Iterable[list[tuple[str, float]]]:
    """For each text its translations and their scores."""
    parts = [part for each in prepared for part in each.parts]
    told = iter(
        run.experiment.translate(
            run.config, run.model, parts, beam=options.beam, best=options.nbest
        )
    )
    for each in prepared:
        of_parts = [next(told) for _ in each.parts]
        ranks = min((len(part.texts) for part in of_parts), default=1)
        yield [_joined(of_parts, rank, each) for rank in range(ranks)]


def _joined(of_parts: Sequence, rank: int, prepared: _Prepared) -> tuple[str, float]:
    text = " ".join(part.texts[rank] for part in of_parts)
    score = sum(part.scores[rank] for part in of_parts)
    return placeholders.restore(_complete(text, prepared), prepared.found), score


def _complete(text: str, prepared: _Prepared) -> str:
    """With the placeholders that the net left out at the end, and a note that they are there."""
    wanted = placeholders.SYMBOLS[: len(prepared.found)]
    missing = [symbol for symbol in wanted if symbol not in text]
    if missing:
        names = ", ".join(placeholders.restore(symbol, prepared.found) for symbol in missing)
        print(f"note: put at the end, since the net left it out: {names}", file=sys.stderr)
    return " ".join([text, *missing]).strip()


def _draw(run: Run, options: Options, prepared: _Prepared) -> bool:
    """Draws the first part's map; whether that failed."""
    from nnarch.report import attention_picture

    if not prepared.parts:
        return bool(_fail("there is nothing to draw: the first text is empty."))
    part = prepared.parts[0]
    told = run.experiment.translate(run.config, run.model, [part], beam=options.beam)
    looked = run.experiment.look(run.config, run.model, part, told[0].texts[0])
    if not looked.shares.size:
        return bool(_fail(f"{run.workdir} has no attention: its net is {run.config.net}."))
    try:
        options.attention.write_bytes(attention_picture(looked))
    except OSError as error:
        return bool(_fail(f"cannot write {options.attention}: {error.strerror}. Name another."))
    return False


def _fail(error: object) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
