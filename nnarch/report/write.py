"""The report of a run: its results, what the experiment shows of it, curves, how it was made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnarch.report.curves import curves_section
from nnarch.report.page import Highlight, Section, write_page
from nnarch.report.run import facts, read_run, run_sections
from nnarch.report.tables import Column, Results, results_section


def write_report(
    workdir: Path | str,
    *,
    title: str,
    introduction: str,
    sections: Sequence[Section] = (),
    highlights: Sequence[Highlight] = (),
    baselines: Results | None = None,
    columns: Sequence[Column] | None = None,
    splits: Mapping[str, str] | None = None,
    results_note: str = "",
    presets: Mapping[str, Any] | None = None,
    best_step: int | None = None,
) -> Path:
    """Writes workdir/report/index.html and the PNGs beside it from what the workdir holds.

    A run that has not been evaluated, or logged, gets a page that says so.

    Args:
      workdir: of the run; its metrics.json is the first line of the results.
      title: of the page.
      introduction: a paragraph, plain text.
      sections: the experiment's own, between results and curves.
      highlights: large figures on top.
      baselines: system -> split -> figure -> value, to stand beside the run's.
      columns: which figures the results show, and how; all, if left out.
      splits: the headings of the results' splits, in order; all, if left out.
      results_note: a paragraph above the results.
      presets: name -> its options, as a dataclass, for the command that reproduces the run.
      best_step: the step whose parameters were kept.

    Returns:
      the page's path.
    """
    workdir = Path(workdir)
    run = read_run(workdir)
    results: Results = {"this run": run.results, **(baselines or {})}
    return write_page(
        workdir / "report",
        title=title,
        introduction=introduction,
        highlights=highlights,
        facts=facts(run),
        sections=[
            results_section("Results", results, columns, splits=splits, note=results_note),
            *sections,
            curves_section(run.rows, best_step=best_step),
            *run_sections(run, presets=presets),
        ],
    )
