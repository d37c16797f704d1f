"""What a model made of single examples: the best, some from best to worst, and the worst."""

import difflib
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from nnarch.report.markup import Html, classed, element, join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.pictures import inline, png_of_array, png_of_clip, png_of_figure


class Example(NamedTuple):
    """One input, what it should give and what it gave."""

    truth: str
    generated: str
    score: float  # larger is better
    picture: np.ndarray | None = None  # [Y, X] or [Y, X, 3]; uint8, or float from 0 to 1
    note: str = ""  # a few words under it, such as who drew it
    clip: np.ndarray | None = None  # uint8 [T, Y, X] or [T, Y, X, channels], to be played


class Choice(NamedTuple):
    """Three views of the examples of a set; none of them twice in one view."""

    good: list[Example]
    typical: list[Example]
    worst: list[Example]


HEADINGS = {
    "good": "The best",
    "typical": "Typical: taken at even distances from best to worst",
    "worst": "The worst",
}


def choose(examples: Sequence[Example], *, each: int = 8) -> Choice:
    """Ranks by score and takes `each` from the top, evenly over the ranking, and from the bottom.

    The even ones are what a reader may expect of the model: as many of them are wrong as of the
    whole set. Equal scores keep their order; scores that are no number come last.
    """
    ranked = sorted(examples, key=lambda example: np.nan_to_num(-example.score, nan=np.inf))
    middle = (np.arange(each) + 0.5) * len(ranked) / each
    places = dict.fromkeys(int(place) for place in middle if int(place) < len(ranked))
    return Choice(ranked[:each], [ranked[place] for place in places], ranked[::-1][:each])


def gallery_section(
    title: str, examples: Sequence[Example], *, each: int = 8, note: str = ""
) -> Section:
    """Cards of good, typical and worst examples; the same as a PNG for each of the three."""
    if not examples:
        return Section(title, paragraph("There are no examples yet."))
    chosen = choose(examples, each=each)._asdict()
    groups = [
        join([element("h3", HEADINGS[name]), classed("div", "cards", *map(_card, group))])
        for name, group in chosen.items()
    ]
    files = {f"{anchor(title)}-{name}.png": sheet(group) for name, group in chosen.items()}
    return Section(title, join([*([paragraph(note)] if note else []), *groups]), files)


MOST_CARDS = 200


def cards_section(title: str, examples: Sequence[Example], *, note: str = "") -> Section:
    """A card for each example, in order; the same as one PNG. Beyond MOST_CARDS none is shown."""
    if not examples:
        return Section(title, paragraph("There are none."))
    shown = examples[:MOST_CARDS]
    if len(shown) < len(examples):
        note = f"{note} The first {len(shown)} of {len(examples)}.".strip()
    cards = classed("div", "cards small", *map(_card, shown))
    files = {f"{anchor(title)}.png": sheet(shown, columns=8)}
    return Section(title, join([*([paragraph(note)] if note else []), cards]), files)


def _card(example: Example) -> Html:
    is_right = example.generated == example.truth
    parts = []
    if example.clip is not None or example.picture is not None:
        moves = example.clip is not None
        png = png_of_clip(example.clip) if moves else png_of_array(example.picture)
        parts.append(classed("div", "frame", inline(png, alt=example.truth)))
    parts += verdict(example.truth, example.generated, example.note)
    return classed("figure", "card right" if is_right else "card wrong", *parts)


def verdict(truth: str, generated: str, note: str = "") -> list[Html]:
    """What was said, whether it is right, what is true if not, and the note if there is one."""
    is_right = generated == truth
    mark = classed("span", "mark", "✓ " if is_right else "✗ ")
    parts = [classed("p", "said", mark, generated if is_right else _marked(generated, truth))]
    if not is_right:
        parts.append(classed("p", "truth", classed("span", "tag", "true "), truth))
    if note:
        parts.append(classed("p", "note", note))
    return parts


def _marked(generated: str, truth: str) -> Html:
    """The generated words, those that the truth does not have at their place marked."""
    words = generated.split()
    if not words:
        return classed("em", "nothing", "(nothing)")
    matcher = difflib.SequenceMatcher(None, words, truth.split(), autojunk=False)
    shared = {
        block.a + offset for block in matcher.get_matching_blocks() for offset in range(block.size)
    }
    marked = (
        word if index in shared else classed("span", "off", word)
        for index, word in enumerate(words)
    )
    return join(piece for word in marked for piece in (word, " "))


def sheet(examples: Sequence[Example], *, columns: int = 4) -> bytes:
    """The examples as one picture: PNG, captions under each, the true one where they differ."""
    lines = -(-len(examples) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.9 * lines), layout="constrained", facecolor="white")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, example in zip(panels, examples, strict=False):
        if example.picture is not None:
            grey = "gray" if np.ndim(example.picture) == 2 else None
            axes.imshow(example.picture, cmap=grey, interpolation="nearest")
        is_right = example.generated == example.truth
        axes.set_title(
            _caption(example),
            y=-0.03,
            verticalalignment="top",
            fontsize=9,
            color="#1a7f37" if is_right else "#b3261e",
            parse_math=False,
        )
    return png_of_figure(figure)


def _caption(example: Example) -> str:
    lines = [example.generated or "(nothing)"]
    if example.generated != example.truth:
        lines.append(f"(true) {example.truth}")
    return "\n".join(textwrap.fill(line, 30, max_lines=3) for line in lines)
