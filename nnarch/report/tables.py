"""Tables of results, and of anything else that has rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from nnarch.report.markup import Html, classed, element
from nnarch.report.page import Section, paragraph

# system -> split -> figure -> value
Results = Mapping[str, Mapping[str, Mapping[str, float]]]


class Column(NamedTuple):
    """How one figure is shown."""

    figure: str  # its name in the results
    heading: str
    form: str = "{:.1f}"  # for str.format
    better: Literal["max", "min"] = "max"


def results_section(
    title: str,
    results: Results,
    columns: Sequence[Column] | None = None,
    *,
    splits: Mapping[str, str] | None = None,
    note: str = "",
) -> Section:
    """Figures by split, one line a system: the run first, what it is compared with below it.

    Args:
      title: of the section.
      results: by system; the first one is the run's own. The best figure of a split is bold.
      columns: which figures, in order, less those that do not occur; all, if left out.
      splits: name -> heading, in order; every one that occurs, if left out.
      note: a paragraph above the table.
    """
    if not any(any(by_split.values()) for by_split in results.values()):
        return Section(title, paragraph("This run has not been evaluated yet."))
    columns = [column for column in columns or _all_columns(results) if _occurs(column, results)]
    splits = splits or _all_splits(results)
    groups = [_split(name, heading, results, columns) for name, heading in splits.items()]
    table = element("table", _head(["", *(c.heading for c in columns)], figures=True), *groups)
    above = [paragraph(note)] if note else []
    return Section(title, classed("div", "block", *above, _scrolling(table)))


def _all_splits(results: Results) -> dict[str, str]:
    names = dict.fromkeys(name for by_split in results.values() for name in by_split)
    return {name: in_words(name) for name in names}


def _all_columns(results: Results) -> list[Column]:
    names = dict.fromkeys(
        name for by_split in results.values() for figures in by_split.values() for name in figures
    )
    return [Column(name, in_words(name), "{:.4g}") for name in names]


def _occurs(column: Column, results: Results) -> bool:
    return any(
        _is_number(figures.get(column.figure))
        for by_split in results.values()
        for figures in by_split.values()
    )


def _split(name: str, heading: str, results: Results, columns: Sequence[Column]) -> Html:
    best = {column.figure: _best(column, name, results) for column in columns}
    present = [system for system, by_split in results.items() if by_split.get(name)]
    lines = [
        _line(system, results[system][name], columns, best, own=system == next(iter(results)))
        for system in present
    ]
    if not lines:
        return Html("")
    span = {"colspan": str(len(columns) + 1), "scope": "rowgroup"}
    title = classed("tr", "split", element("th", element("span", heading), attributes=span))
    return element("tbody", title, *lines)


def _best(column: Column, split: str, results: Results) -> float | None:
    found = [by_split.get(split, {}).get(column.figure) for by_split in results.values()]
    found = [value for value in found if _is_number(value)]
    if len(set(found)) < 2:  # one alone, or all alike
        return None
    return max(found) if column.better == "max" else min(found)


def _line(
    system: str,
    figures: Mapping[str, float],
    columns: Sequence[Column],
    best: Mapping[str, float | None],
    *,
    own: bool,
) -> Html:
    cells = [_cell(column, figures.get(column.figure), best[column.figure]) for column in columns]
    heading = element("th", system, attributes={"scope": "row"})
    return classed("tr", "own" if own else "other", heading, *cells)


def _cell(column: Column, value: float | None, best: float | None) -> Html:
    if not _is_number(value):
        return classed("td", "figure none", "–")
    kind = "figure best" if value == best else "figure"
    return classed("td", kind, column.form.format(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def rows_section(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, note: str = ""
) -> Section:
    """Any table of text, such as sentences beside their translations."""
    above = [paragraph(note)] if note else []
    return Section(title, classed("div", "block", *above, rows_table(headings, rows)))


def rows_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Rows of text cells; no headings, no head."""
    lines = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    head = [_head(headings, figures=False)] if headings else []
    return _scrolling(element("table", *head, element("tbody", *lines)))


def _head(headings: Sequence[str], *, figures: bool) -> Html:
    kinds = ["", *["figure" if figures else ""] * (len(headings) - 1)]
    cells = (
        element("th", heading, attributes={"scope": "col", "class": kind} if kind else {})
        for heading, kind in zip(headings, kinds, strict=True)
    )
    return element("thead", element("tr", *cells))


def _scrolling(table: Html) -> Html:
    """A wide table scrolls by itself: the page never moves sideways on a phone."""
    return element("div", table, attributes={"class": "scroll", "tabindex": "0"})


def in_words(name: str) -> str:
    """`test_new_artist` as "test new artist"."""
    return name.replace("_", " ")
