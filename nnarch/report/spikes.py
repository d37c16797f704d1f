"""A row as CTC reads it: what it reads, the labels' probabilities below, and what was found where.

A row is a recording, read along time, or a picture of handwriting, read along its columns.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnarch.report.markup import Html, classed, join
from nnarch.report.page import Section, anchor, paragraph
from nnarch.report.palette import DARK, LIGHT, Palette, dress
from nnarch.report.pictures import inline_pair, png_of_figure

WIDEST = 9  # inches, of a figure
LEAST_SHOWN = 0.2  # a label whose probability never reaches this is not drawn


class WordTime(NamedTuple):
    """A word, or whatever stands for itself, and where it is: seconds, or columns of pixels."""

    text: str
    start: float
    end: float


class Recording(NamedTuple):
    """One row as the model sees it."""

    truth: str
    transcript: str
    features: np.ndarray  # [F, M], any unit: M bands from low to high, or pixels from the top
    probabilities: np.ndarray  # [T, V]
    extent: float  # how long it is: seconds, or columns of pixels
    words: Sequence[WordTime]  # of the true text, aligned; none if it cannot be
    note: str = ""


class Look(NamedTuple):
    """How rows of a kind are drawn."""

    unit: str  # of the extent
    bands: str  # what the features are
    origin: Literal["lower", "upper"]  # where the first of them is drawn
    colours: str
    words: Literal["line", "shade"]  # a line above each word, or colour over it
    inches_per_unit: float | None = None  # None draws all rows equally wide


SPECTROGRAM = Look("seconds", "mel bands", "lower", "magma", "line")
PICTURE = Look("columns of pixels", "", "upper", "gray", "shade", inches_per_unit=0.07)


def word_times(
    frames: np.ndarray, text: str, *, blank: int, frame_seconds: float
) -> list[WordTime]:
    """When each word is said: from its first character's first frame to its last one's last.

    Args:
      frames: int [T], the character or blank of each frame on a path that reads as `text`.
      text: words with spaces between them, each character and each space a label of the path.
      blank: the label that is none.
      frame_seconds: how long a frame lasts.
    """
    spans = label_spans(frames, blank=blank)
    words, place = [], 0
    for word in text.split(" "):
        if word:
            (first, _), (_, end) = spans[place], spans[place + len(word) - 1]
            words.append(WordTime(word, first * frame_seconds, end * frame_seconds))
        place += len(word) + 1
    return words


def label_spans(frames: np.ndarray, *, blank: int) -> list[tuple[int, int]]:
    """The first frame of each label of a path, int [T], and the one past its last; no blanks."""
    changes = np.flatnonzero(np.diff(frames, prepend=-1, append=-1)).tolist()
    return [(first, end) for first, end in pairwise(changes) if frames[first] != blank]


def spikes_section(
    title: str,
    recordings: Sequence[Recording],
    labels: Sequence[str],
    *,
    blank: int = 0,
    note: str = "",
    look: Look = SPECTROGRAM,
) -> Section:
    """Draws each recording; the same as a PNG file each.

    Args:
      title: of the section.
      recordings: in order.
      labels: what each of the V classes is called.
      blank: the class that is drawn faintly.
      note: a paragraph above them.
      look: how they are drawn.
    """
    if not recordings:
        return Section(title, paragraph("There are no recordings yet."))
    parts, files = [paragraph(note)] if note else [], {}
    for number, recording in enumerate(recordings, 1):
        light, dark = (
            png_of_figure(draw(recording, labels, blank, palette, look))
            for palette in (LIGHT, DARK)
        )
        parts.append(_card(recording, inline_pair(light, dark, alt=recording.truth)))
        files[f"{anchor(title)}-{number}.png"] = light
    return Section(title, classed("div", "block", *parts), files)


def _card(recording: Recording, picture: Html) -> Html:
    right = recording.transcript == recording.truth
    said = classed("p", "said", "✓ " if right else "✗ ", recording.transcript or "(nothing)")
    truth = (
        [] if right else [classed("p", "truth", classed("span", "tag", "true "), recording.truth)]
    )
    note = [classed("p", "note", recording.note)] if recording.note else []
    return join([said, *truth, *note, picture])


def draw(
    recording: Recording,
    labels: Sequence[str],
    blank: int,
    palette: Palette,
    look: Look = SPECTROGRAM,
) -> Figure:
    """What is read, and below it each label's probability."""
    scale = look.inches_per_unit
    width = WIDEST if scale is None else min(WIDEST, max(3, 0.6 + scale * recording.extent))
    figure = Figure(figsize=(width, 3.8), layout="constrained", facecolor=palette.ground)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes in (above, below):
        dress(axes, palette)
    _features(above, recording, look)
    _words(above, recording, palette, look)
    _probabilities(below, recording, labels, blank, palette)
    below.set_xlabel(look.unit, fontsize=8)
    return figure


def _features(axes: Axes, recording: Recording, look: Look) -> None:
    bands = recording.features.shape[1]
    axes.imshow(
        recording.features.T,
        origin="lower",
        aspect="auto",
        cmap=look.colours,
        extent=(0, recording.extent, 0, bands),
    )
    if look.origin == "upper":
        axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.set_ylabel(look.bands, fontsize=8)


def _words(axes: Axes, recording: Recording, palette: Palette, look: Look) -> None:
    """Each word above where it was found."""
    _, top = axes.get_ylim()
    for number, word in enumerate(recording.words):
        colour = palette.ink
        if look.words == "shade":
            colour = palette.series[number % len(palette.series)]
            axes.axvspan(word.start, word.end, color=colour, alpha=0.45, lw=0)
        axes.plot((word.start, word.end), (top, top), color=colour, lw=3, clip_on=False)
        axes.annotate(
            word.text,
            ((word.start + word.end) / 2, top),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=palette.ink,
            parse_math=False,
            annotation_clip=False,
        )


def _probabilities(
    axes: Axes, recording: Recording, labels: Sequence[str], blank: int, palette: Palette
) -> None:
    frames = len(recording.probabilities)
    times = (np.arange(frames) + 0.5) * recording.extent / max(frames, 1)
    axes.fill_between(times, recording.probabilities[:, blank], color=palette.faint, lw=0)
    shown = [
        label
        for label in range(len(labels))
        if label != blank and recording.probabilities[:, label].max(initial=0) >= LEAST_SHOWN
    ]
    for place, label in enumerate(shown):
        colour = palette.series[place % len(palette.series)]
        over_time = recording.probabilities[:, label]
        axes.plot(times, over_time, color=colour, lw=1.2)
        for peak in _peaks(over_time):
            axes.annotate(
                labels[label],
                (times[peak], over_time[peak]),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=colour,
                parse_math=False,
            )
    axes.set_ylim(0, 1.15)
    axes.set_ylabel("probability", fontsize=8)


def _peaks(over_time: np.ndarray) -> np.ndarray:
    """Frames at which a label's probability is largest of its run above LEAST_SHOWN."""
    padded = np.concatenate([[0], over_time >= LEAST_SHOWN, [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
    runs = zip(starts, ends, strict=True)
    return np.array([start + over_time[start:end].argmax() for start, end in runs], int)
