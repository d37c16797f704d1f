"""What runs on problems of memory show: errors and gradients by distance, beside other runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nnarch import report as page

_LEAST = 0.01  # the smallest error that is drawn on a scale of powers


class Remembered(NamedTuple):
    """A run, the runs beside it, and its gradients."""

    runs: Mapping[str, page.Run]  # this one first
    distances: Sequence[int]
    guessing: float  # the error of who has read nothing
    batch_size: int
    reach_at_start: np.ndarray  # [T + 1]: how much of the gradient reaches so many steps back,
    reach: np.ndarray  # in powers of ten; [0] of a net that has no state

    @property
    def own(self) -> page.Run:
        """This run."""
        return next(iter(self.runs.values()))


def samples_curve(rows: Sequence[Mapping[str, Any]], figure: str, batch_size: int) -> np.ndarray:
    """[N, 2]: samples seen, and a figure of validation, from the rows of a log."""
    points = [
        (row["step"] * batch_size, row[figure])
        for row in rows
        if row.get("split") == "validation" and row.get(figure) is not None
    ]
    return np.array(points, float).reshape(-1, 2)


def remembered_sections(shown: Remembered) -> list[page.Section]:
    """What a report has between its results and its learning curves."""
    return [
        _errors_by_distance(shown),
        _samples_needed(shown),
        *_gradients_by_distance(shown),
        _gradients_in_training(shown),
        *_errors_by_samples(shown),
    ]


def _errors_by_distance(shown: Remembered) -> page.Section:
    lines = {name: _by_distance(run, "error", shown.distances) for name, run in shown.runs.items()}
    lines["guessing"] = np.array([(d, shown.guessing) for d in shown.distances], float)
    return page.compared_section(
        "Error by distance",
        {name: np.maximum(points, _LEAST) for name, points in lines.items()},
        across="steps back",
        upward="error",
        file="errors.png",
        note=f"On the test set. What is below {_LEAST} is drawn there.",
        log=("across", "upward"),
    )


def _by_distance(run: page.Run, figure: str, distances: Sequence[int]) -> np.ndarray:
    """[N, 2]: distances, and a figure of the run's results at each."""
    found = ((d, run.results.get(f"distance_{d}", {}).get(figure)) for d in distances)
    return np.array([pair for pair in found if pair[1] is not None], float).reshape(-1, 2)


def _samples_needed(shown: Remembered) -> page.Section:
    rows = []
    for name, run in shown.runs.items():
        learnt = run.results.get("learning", {})
        needed = [learnt.get(f"to_solve_{d}") for d in shown.distances]
        seen = [*needed, learnt.get("thousand_samples"), learnt.get("thousand_parameters")]
        rows.append([name, *("–" if each is None else f"{each:.1f}" for each in seen)])
    headings = ["", *(f"{d} back" for d in shown.distances), "seen", "parameters, thousands"]
    note = "Thousands of samples, of all distances together, until a distance was first solved."
    return page.rows_section("Samples needed", headings, rows, note=note)


GRADIENTS = (
    "The norm of the gradient of the loss at the last step with regard to the state so many steps "
    "before, over that with regard to the last state. It is that of full back-propagation; where "
    "this is truncated, training uses none of it beyond the window."
)


def _gradients_by_distance(shown: Remembered) -> Iterator[page.Section]:
    """At the start and trained: every step of this run, the tested distances of the others."""
    own, *others = shown.runs
    for when, figure in (("at the start", "reach_at_start"), ("trained", "reach")):
        profile = getattr(shown, figure)
        lines = {own: np.array([*enumerate(profile)], float).reshape(-1, 2)}
        for name in others:
            points = _by_distance(shown.runs[name], figure, shown.distances)
            lines[name] = np.concatenate([[[0, 0]], points]) if len(points) else points
        yield page.compared_section(
            f"Gradient by distance, {when}",
            {name: _from_powers(points) for name, points in lines.items()},
            across="steps back",
            upward="norm",
            file=f"gradients_{figure}.png",
            note=GRADIENTS,
            log=("upward",),
        )


def _from_powers(points: np.ndarray) -> np.ndarray:
    """[N, 2] with 10 to the second column in its place."""
    return np.stack([points[:, 0], 10.0 ** points[:, 1]], axis=1)


def _gradients_in_training(shown: Remembered) -> page.Section:
    lines = {}
    for distance in shown.distances:
        points = samples_curve(shown.own.rows, f"reach_{distance}", shown.batch_size)
        if distance < len(shown.reach_at_start):
            points = np.concatenate([[[0, shown.reach_at_start[distance]]], points])
        lines[f"{distance} steps back"] = _from_powers(points)
    return page.compared_section(
        "Gradient in training",
        lines,
        across="samples seen",
        upward="norm",
        file="gradients_in_training.png",
        note="The same of this run, measured at each validation.",
        log=("upward",),
    )


def _errors_by_samples(shown: Remembered) -> Iterator[page.Section]:
    longest = max(shown.distances)
    by_distance = {f"{d} steps back": (shown.own, d) for d in shown.distances}
    by_run = {name: (run, longest) for name, run in shown.runs.items()}
    for title, file, of in (
        ("Error against samples", "samples", by_distance),
        (f"Error over {longest} steps against samples", "samples_of_runs", by_run),
    ):
        lines = {
            name: np.maximum(samples_curve(run.rows, f"error_{d}", shown.batch_size), _LEAST)
            for name, (run, d) in of.items()
        }
        yield page.compared_section(
            title,
            lines,
            across="samples seen",
            upward="error",
            file=f"{file}.png",
            note="On the validation split.",
            log=("upward",),
        )
