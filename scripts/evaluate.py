"""Evaluates a run on its test sets: prints a table, writes metrics.json and the report.

$ evaluate.py runs/a               at the best step, decoding as the run is configured to
$ evaluate.py runs/a --beam 1      with another option of decoding
"""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from rich import box
from rich.console import Console
from rich.table import Table

from nnarch import train
from nnarch.bench.tables import screen
from nnarch.data.fetch import DataMissing
from nnarch.report import read_run
from scripts.huge_pages import use_huge_pages
from scripts.runs import Run, open_run

Figures = Mapping[str, float]


def main(arguments: list[str]) -> int:
    """Evaluates the run that is named first; returns the exit status."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    train.use_compilation_cache()
    try:
        run = open_run(Path(arguments[0]))
        evaluate(run._replace(config=_with_decoding(run.config, arguments[1:])))
    except (train.TrainingError, DataMissing, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _with_decoding(config: Any, arguments: list[str]) -> Any:
    """The config with the options of decoding that are given; leaves where one is wrong."""
    import tyro

    kind = Annotated[type(config.decode), tyro.conf.arg(name="")]
    try:
        decode = tyro.cli(kind, default=config.decode, args=arguments, prog="evaluate.py RUN")
    except ValueError as error:
        raise train.TrainingError(str(error)) from error
    return dataclasses.replace(config, decode=decode)


def evaluate(run: Run) -> None:
    """Writes metrics.json, baselines.json and the report into the run's folder; prints them."""
    console = screen()
    console.print(f"evaluating step {run.step} of {run.workdir}")
    figures = run.experiment.evaluate(run.config, run.model)
    if hasattr(run.experiment, "history"):  # an experiment that reads figures from its log
        figures |= run.experiment.history(run.config, read_run(run.workdir).rows)
    decimals = getattr(run.experiment, "DECIMALS", 1)
    try:
        _keep(run, figures)
    except train.WorkdirError:  # what took minutes is told all the same
        show(console, {"this run": figures}, decimals=decimals)
        raise
    beside = run.experiment.baselines(run.config)
    train.write_json(run.workdir / "baselines.json", beside)
    show(console, {"this run": figures, **beside}, decimals=decimals)
    page = run.experiment.report(run.config, run.model, run.workdir, best_step=run.step)
    console.print(f"report: {page}", soft_wrap=True)


def _keep(run: Run, figures: Mapping[str, Figures]) -> None:
    """Writes metrics.json, and evaluation.json, which says what the figures were decoded with."""
    beside = getattr(run.experiment, "OF_BASELINES", ())
    decode = {n: v for n, v in train.to_json(run.config.decode).items() if n not in beside}
    decoded = {"step": run.step, "steps": run.config.train.steps, "decode": decode}
    train.write_json(run.workdir / "evaluation.json", decoded)
    train.write_json(run.workdir / "metrics.json", figures)


def show(
    console: Console, systems: Mapping[str, Mapping[str, Figures]], *, decimals: int = 1
) -> None:
    """Prints a table: a line a figure, a column a split; the first system, others in brackets."""
    own, *beside = systems
    names = dict.fromkeys(name for figures in systems[own].values() for name in figures)
    table = Table("", box=box.SIMPLE_HEAD)
    for split in systems[own]:
        table.add_column(split.removeprefix("test_").replace("_", " "), justify="right")
    for name in names:
        cells = ([systems[each].get(split, {}) for each in systems] for split in systems[own])
        shown = (_cell(name, figures, decimals) for figures in cells)
        table.add_row(name.replace("_", " "), *shown)
    if beside:
        table.caption = f"in brackets: {', '.join(beside)}"
    console.print(table)


def _cell(name: str, systems: Sequence[Figures], decimals: int) -> str:
    own, *beside = (
        f"{figures[name]:.{decimals}f}" if name in figures else "-" for figures in systems
    )
    return f"{own} ({', '.join(beside)})" if beside else own


if __name__ == "__main__":
    use_huge_pages()
    sys.exit(main(sys.argv[1:]))
