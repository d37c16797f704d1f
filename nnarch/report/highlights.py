"""The figures that a reader is to see first."""

from collections.abc import Mapping

from nnarch.report.page import Highlight

Results = Mapping[str, Mapping[str, float]]  # split -> figure -> value


def highlights_beside(
    results: Results,
    baselines: Mapping[str, Results],
    asked: Mapping[tuple[str, str], str],
    *,
    form: str = "{:.1f} %",
) -> list[Highlight]:
    """A run's figures, each with that of the first baseline that has it; those it lacks left out.

    Args:
      results: of the run.
      baselines: what stands beside it, by name.
      asked: (split, figure) -> what it is of, in words.
      form: of a value.
    """
    return [
        Highlight(form.format(results[split][figure]), label, _note(baselines, split, figure, form))
        for (split, figure), label in asked.items()
        if figure in results.get(split, {})
    ]


def _note(baselines: Mapping[str, Results], split: str, figure: str, form: str) -> str:
    found = (
        f"{name}: {form.format(results[split][figure])}"
        for name, results in baselines.items()
        if figure in results.get(split, {})
    )
    return next(found, "")
